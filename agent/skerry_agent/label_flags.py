"""What Node Feature Discovery calls the instruction sets that /proc/cpuinfo names. Data.

On x86 the names are those of the library that it asks, cpuid of klauspost; elsewhere its own. What
it leaves out by default has no name here: what every processor of the last fifteen years has (SSE,
CX16, POPCNT, ...), and what belongs to a label of its own (SGX, TDX_GUEST).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

X86 = {
    "3dnow": "AMD3DNOW",
    "3dnowext": "AMD3DNOWEXT",
    "adx": "ADX",
    "aes": "AESNI",
    "amd_ppin": "PPIN",
    "amd_psfd": "PSFD",
    "amx_bf16": "AMXBF16",
    "amx_complex": "AMXCOMPLEX",
    "amx_fp16": "AMXFP16",
    "amx_fp8": "AMXFP8",
    "amx_int8": "AMXINT8",
    "amx_tf32": "AMXTF32",
    "amx_tile": "AMXTILE",
    "apx": "APX_F",
    "arch_capabilities": "IA32_ARCH_CAP",
    "avx": "AVX",
    "avx2": "AVX2",
    "avx512_4fmaps": "AVX5124FMAPS",
    "avx512_4vnniw": "AVX5124VNNIW",
    "avx512_bf16": "AVX512BF16",
    "avx512_bitalg": "AVX512BITALG",
    "avx512_fp16": "AVX512FP16",
    "avx512_vbmi2": "AVX512VBMI2",
    "avx512_vnni": "AVX512VNNI",
    "avx512_vp2intersect": "AVX512VP2INTERSECT",
    "avx512_vpopcntdq": "AVX512VPOPCNTDQ",
    "avx512bw": "AVX512BW",
    "avx512cd": "AVX512CD",
    "avx512dq": "AVX512DQ",
    "avx512er": "AVX512ER",
    "avx512f": "AVX512F",
    "avx512ifma": "AVX512IFMA",
    "avx512pf": "AVX512PF",
    "avx512vbmi": "AVX512VBMI",
    "avx512vl": "AVX512VL",
    "avx_ifma": "AVXIFMA",
    "avx_ne_convert": "AVXNECONVERT",
    "avx_vnni": "AVXVNNI",
    "avx_vnni_int16": "AVXVNNIINT16",
    "avx_vnni_int8": "AVXVNNIINT8",
    "cldemote": "CLDEMOTE",
    "clzero": "CLZERO",
    "cmpccxadd": "CMPCCXADD",
    "core_capabilities": "IA32_CORE_CAP",
    "cpb": "CPBOOST",
    "cx8": "CMPXCHG8",
    "decodeassists": "SVMDA",
    "enqcmd": "ENQCMD",
    "flush_l1d": "FLUSH_L1D",
    "flushbyasid": "SVMFBASID",
    "fma": "FMA3",
    "fma4": "FMA4",
    "fpu": "X87",
    "fsrc": "CMPSB_SCADBS_SHORT",
    "fsrm": "FSRM",
    "fsrs": "STOSB_SHORT",
    "fxsr": "FXSR",
    "fxsr_opt": "FXSROPT",
    "fzrm": "MOVSB_ZL",
    "gfni": "GFNI",
    "hle": "HLE",
    "hreset": "HRESET",
    "hypervisor": "HYPERVISOR",
    "ibpb": "IBPB",
    "ibs": "IBS",
    "ibt": "CETIBT",
    "invlpgb": "INVLPGB",
    "lahf_lm": "LAHF",
    "lam": "LAM",
    "lbrv": "LBRVIRT",
    "lwp": "LWP",
    "md_clear": "MD_CLEAR",
    "movbe": "MOVBE",
    "movdir64b": "MOVDIR64B",
    "movdiri": "MOVDIRI",
    "mpx": "MPX",
    "npt": "SVMNP",
    "nrip_save": "NRIPS",
    "overflow_recov": "MCAOVERFLOW",
    "pausefilter": "SVMPF",
    "pfthreshold": "SVMPFT",
    "rdpru": "RDPRU",
    "rtm": "RTM",
    "sep": "SYSEE",
    "serialize": "SERIALIZE",
    "sev": "SEV",
    "sev_es": "SEV_ES",
    "sev_snp": "SEV_SNP",
    "sha512": "SHA512",
    "sha_ni": "SHA",
    "sm3": "SM3_X86",
    "sm4": "SM4_X86",
    "sme": "SME",
    "ssbd": "SPEC_CTRL_SSBD",
    "sse4a": "SSE4A",
    "stibp": "STIBP",
    "succor": "SUCCOR",
    "svm": "SVM",
    "svm_lock": "SVML",
    "syscall": "SYSCALL",
    "tbm": "TBM",
    "topoext": "TOPEXT",
    "tsc_scale": "TSCRATEMSR",
    "tsxldtrk": "TSXLDTRK",
    "user_shstk": "CETSS",
    "vaes": "VAES",
    "vmcb_clean": "VMCBCLEAN",
    "vmx": "VMX",
    "vpclmulqdq": "VPCLMULQDQ",
    "waitpkg": "WAITPKG",
    "wbnoinvd": "WBNOINVD",
    "wrmsrns": "WRMSRNS",
    "xgetbv1": "XGETBV1",
    "xop": "XOP",
    "xsave": "XSAVE",
    "xsavec": "XSAVEC",
    "xsaveopt": "XSAVEOPT",
    "xsaves": "XSAVES",
}

ARM = {
    "26bit": "26BIT",
    "aes": "AES",
    "crc32": "CRC32",
    "crunch": "CRUNCH",
    "edsp": "EDSP",
    "evtstrm": "EVTSTRM",
    "fastmult": "FASTMUL",
    "fpa": "FPA",
    "half": "HALF",
    "idiva": "IDIVA",
    "idivt": "IDIVT",
    "iwmmxt": "IWMMXT",
    "java": "JAVA",
    "lpae": "LPAE",
    "neon": "NEON",
    "pmull": "PMULL",
    "sha1": "SHA1",
    "sha2": "SHA2",
    "swp": "SWP",
    "thumb": "THUMB",
    "thumbee": "THUMBEE",
    "tls": "TLS",
    "vfp": "VFP",
    "vfpd32": "VFPD32",
    "vfpv3": "VFPv3",
    "vfpv3d16": "VFPv3D16",
    "vfpv4": "VFPv4",
}

ARM64 = {
    name.lower(): name
    for name in [
        "AES",
        "ASIMD",
        "ASIMDDP",
        "ASIMDHP",
        "ASIMDRDM",
        "ATOMICS",
        "CPUID",
        "CRC32",
        "DCPOP",
        "EVTSTRM",
        "FCMA",
        "FP",
        "FPHP",
        "JSCVT",
        "LRCPC",
        "PMULL",
        "SHA1",
        "SHA2",
        "SHA3",
        "SHA512",
        "SM3",
        "SM4",
        "SVE",
    ]
}

S390 = {
    name.lower(): name
    for name in [
        "DFLT",
        "DFP",
        "EDAT",
        "EIMM",
        "ESAN3",
        "ETF3EH",
        "GS",
        "HIGHGPRS",
        "LDISP",
        "MSA",
        "NNPA",
        "PCIMIO",
        "SIE",
        "SORT",
        "STFLE",
        "TE",
        "VX",
        "VXD",
        "VXE",
        "VXE2",
        "VXP",
        "VXP2",
        "ZARCH",
    ]
}


def names(arch: str | None, flags: Iterable[str]) -> Iterable[str]:
    """Yield the names of the instruction sets that have one on this architecture."""
    known = _names_of(arch or "")
    for flag in flags:
        if flag in known:
            yield known[flag]
        # The kernel shows xsave only when it has turned it on, which is what this says.
        if flag == "xsave" and known is X86:
            yield "OSXSAVE"


def _names_of(arch: str) -> Mapping[str, str]:
    if arch == "x86_64" or (len(arch) == 4 and arch[0] == "i" and arch.endswith("86")):
        return X86
    if arch == "aarch64":
        return ARM64
    if arch.startswith("arm"):
        return ARM
    return S390 if arch == "s390x" else {}
