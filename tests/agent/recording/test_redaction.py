"""What may not leave a box, in every spelling; and what looks alike, and must stay."""

import gzip

import pytest

from skerry_agent.recording.identities import Identities, identities
from skerry_agent.recording.redaction import Redaction

MAC = "52:54:00:12:ab:cd"
SERIAL = "S5SXNS0R700159"


@pytest.fixture
def redaction():
    return Redaction(Identities(macs=(MAC,), serials=(SERIAL, "A1234"), hostname="edge-7"))


def clean(redaction, text, path="/sys/x"):
    return redaction.content(path, text.encode()).decode()


@pytest.mark.parametrize(
    ("spelled", "placeholder"),
    [
        ("52:54:00:12:ab:cd", "02:00:00:00:00:01"),
        ("52:54:00:12:AB:CD", "02:00:00:00:00:01"),
        ("52-54-00-12-ab-cd", "02-00-00-00-00-01"),
        ("52_54_00_12_ab_cd", "02_00_00_00_00_01"),
        ("52 54 00 12 ab cd", "02 00 00 00 00 01"),
        ("5254.0012.abcd", "0200.0000.0001"),
        ("5254001" + "2ABCD", "020000000001"),
        ("enx52540012abcd", "enx020000000001"),
        ("usb-Maker_52540012ABCD-if00", "usb-Maker_020000000001-if00"),
        ("cd:ab:12:00:54:52", "01:00:00:00:00:02"),
        ("cdab12005452", "010000000002"),
    ],
)
def test_an_address_of_the_box_in_every_spelling(redaction, spelled, placeholder):
    assert clean(redaction, spelled) == placeholder
    assert redaction.counts == {"MAC address": 1}


def test_its_bytes_too(redaction):
    raw = bytes.fromhex(MAC.replace(":", ""))
    assert redaction.content("/x", b"\0" + raw + b"\1") == b"\0\x02\0\0\0\0\x01\1"
    assert raw[::-1] not in redaction.content("/x", raw[::-1])


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("00:11:22:33:44:55", "02:00:00:00:00:02"),
        ("wlx001122334455 enx001122334455", "wlx020000000002 enx020000000002"),
        ("wlx112233445566", "wlx020000000002"),
        ("Dongle 00E04C689ABC", "Dongle 020000000002"),
        ("/w1_bus_master1/28-011314236789/hwmon", "/w1_bus_master1/28-020000000002/hwmon"),
        ("MemTotal: 137438953472 kB", None),
        ("x00e04c689abc 0011223344556", None),
        ("ff:ff:ff:ff:ff:ff 00:00:00:00:00:00", None),
        ("10.1.2.3", "192.0.2.1"),
        ("10.1.2.3/24 10.1.2.3", "192.0.2.1/24 192.0.2.1"),
        ("0.0.0.0 127.0.0.1 ::1 ::", None),
        ("fe80::5054:ff:fe12:abcd%eth0", "2001:db8::1%eth0"),
        ("::ffff:10.1.2.3", "2001:db8::1"),
        ("2001:470:1f0b:0:0:0:0:1", "2001:db8::1"),
        ("fd3e5a1c-0d5e-4d6b-9a51-3d2f0c1b2a39", "00000000-0000-4000-8000-000000000001"),
        (f"usb-Samsung_T7_{SERIAL}-0:0", "usb-Samsung_T7_X0XXXX0X000001-0:0"),
        (SERIAL.lower(), "x0xxxx0x000001"),
        ("xA1234", None),  # a short one counts only by itself
        ("A1234", "X0001"),
        ("naa.5002538e40a1b2c3", "naa.0000000x00x0x0x1"),
        ("/home/bob/data /home/bob", "/home/user1/data /home/user1"),
        ("/run/media/bob/STICK /media/cdrom", "/run/media/user1/label1 /media/cdrom"),
        ("/media/bob/A /media/B /media/usb0", "/media/user1/label1 /media/label2 /media/usb0"),
        ("/run/media/bob /run/media/bob/A", "/run/media/user1 /run/media/user1/label1"),
        ("/dev/disk/by-label/WORK", "/dev/disk/by-label/label1"),
        ("docker/" + "0a" * 32, "docker/" + "0x" * 31 + "01"),
        ("00" * 20 + " " + "1" * 40, None),
    ],
)
def test_what_is_known_by_its_form(redaction, text, becomes):
    assert clean(redaction, text) == (becomes or text)


@pytest.mark.parametrize(
    "text",
    [
        "0000:00:1f.6",
        "pci0000:00/0000:00:14.0/usb1/1-4/1-4.1/1-4.1:1.0",
        "1-1.2.3.4:1.0",
        "MODALIAS=pci:v00008086d00007D1Dsv000017AAsd0000380Abc12sc00i00",
        "acpi:PNP0C0A:PNP0C0A:",
        "Linux version 6.1.0-56-amd64 (gcc-12 (Debian 12.2.0-14))",
        "input3::capslock",
        "mtd0: 00080000 00010000",
        "12:34:56",
        "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
        "brcm,bcm2711",
        "tmpfs /media tmpfs rw 0 0",
    ],
)
def test_what_only_looks_alike_stays(redaction, text):
    assert clean(redaction, text) == text
    assert redaction.path(text) == text


@pytest.mark.parametrize(
    ("path", "text", "becomes"),
    [
        ("/proc/sys/kernel/hostname", "edge-7\n", "recorded\n"),
        ("/etc/cdi/a.yaml", "host: edge-7", "host: recorded"),
        ("/proc/self/mounts", "/dev/mapper/edge--7--vg-root / ext4", None),
        ("/sys/bus/usb/devices/1-1/product", "Dongle 112233445566\n", "Dongle 020000000002\n"),
        ("/sys/bus/usb/devices/1-1/product", "0011.2233.4455\n", "0200.0000.0002\n"),
        ("/sys/bus/usb/devices/1-1/product", "Stick 4C5300012301\n", "Stick 0X0000000001\n"),
        ("/sys/bus/usb/devices/1-1/product", "WD10EZEX-08WN4A0\n", "WD10EZEX-08WN4A0\n"),
        ("/sys/class/hwmon/hwmon0/temp1_label", "112233445566\n", "020000000002\n"),
        ("/sys/x/mem_banks/0/properties", "size 112233445566\n", "size 112233445566\n"),
        ("/sys/firmware/devicetree/base/compatible", "edge-7,board", "edge-7,board"),
        ("/etc/os-release", "ID=edge-7", "ID=edge-7"),
        ("/sys/bus/usb/devices/1-1/serial", "0001\n", "0001\n"),
        ("/sys/bus/usb/devices/1-1/serial", "ab-17\n", "xx-01\n"),
        ("/proc/tty/driver/serial", "0: uart:16550A", "0: uart:16550A"),
    ],
)  # fmt: skip
def test_what_depends_on_the_file(redaction, path, text, becomes):
    told = clean(redaction, text, path)
    assert told == becomes if becomes else "edge" not in told


POD = "kubepods-burstable-pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice"
CONTAINER = f"cri-containerd-{'5e' * 32}.scope"


@pytest.fixture
def grouped():
    """Know a box that runs the agent in groups whose names tell whose they are."""
    groups, folders = (POD, CONTAINER, "customer", "memory"), ("/cg", "/cg/memory", "/cg/unified")
    return Redaction(Identities(groups=groups, group_folders=folders))


def test_control_groups_are_named_the_same_in_files_and_in_paths(grouped):
    own = f"4:memory:/kubepods.slice/{POD}/{CONTAINER}\n1:name=tool:/customer\n0::/\n"
    told = grouped.content("/proc/self/cgroup", own.encode()).decode().splitlines()
    assert told == [
        "4:memory:/kubepods.slice/group1.slice/cri-group2.scope", "1:name=other:/group3", "0::/"
    ]  # fmt: skip
    path = f"/cg/memory/kubepods.slice/{POD}/{CONTAINER}/memory.limit_in_bytes"
    place = "/cg/memory/kubepods.slice/group1.slice/cri-group2.scope/memory.limit_in_bytes"
    assert grouped.path(path) == place
    assert grouped.content("/proc/self/cpuset", b"/customer\n") == b"/group3\n"
    assert grouped.counts == {"control group": 3}


def test_what_only_is_called_like_a_control_group_stays(grouped):
    assert grouped.path("/sys/customer") == "/sys/customer"
    assert grouped.path("/cg/memory") == "/cg/memory"
    assert grouped.path("/cg/unified/memory/x") == "/cg/unified/group1/x"


def test_a_volume_is_called_the_same_with_its_blank_written_as_its_number(redaction):
    row = r"/dev/sdb1 /media/bob/My\040Disk vfat rw 0 0"
    assert clean(redaction, row) == "/dev/sdb1 /media/user1/label1 vfat rw 0 0"
    assert redaction.path("/media/bob/My Disk") == "/media/user1/label1"
    assert redaction.values({"/media/bob/My Disk": ["/media/bob/My Disk", 1, None]}) == {
        "/media/user1/label1": ["/media/user1/label1", 1, None]
    }


def test_equal_stays_equal_and_different_different(redaction):
    told = clean(redaction, "10.0.0.1 10.0.0.2 10.0.0.1").split()
    assert told[0] == told[2] != told[1]


def test_more_addresses_than_one_network_has(redaction):
    text = " ".join(f"10.0.{n // 250}.{n % 250 + 1}" for n in range(600))
    told = clean(redaction, text).split()
    assert len(set(told)) == 600
    assert not any(one.startswith("10.") for one in told)


def test_inside_of_a_compressed_file(redaction):
    packed = gzip.compress(f"A=1\nB={SERIAL}\n".encode())
    assert (
        gzip.decompress(redaction.content("/proc/config.gz", packed)) == b"A=1\nB=X0XXXX0X000001\n"
    )
    assert redaction.content("/x", packed[:-9]) == b""
    assert redaction.content("/x", gzip.compress(b"x" * 9 * 1024 * 1024)) == b""


def test_a_text_of_nothing_but_addresses_is_quick(redaction):
    assert len(clean(redaction, "fe80:" * 20_000)) == 100_000


SERIAL_PLACES = (
    "sys/class/dmi/id/product_serial", "sys/class/dmi/id/board_serial",
    "sys/class/dmi/id/chassis_serial", "sys/class/dmi/id/board_asset_tag",
    "sys/class/dmi/id/chassis_asset_tag", "sys/class/dmi/id/product_uuid",
    "sys/firmware/devicetree/base/serial-number", "proc/device-tree/serial-number",
    "sys/devices/soc0/serial_number", "etc/machine-id", "var/lib/dbus/machine-id",
    "proc/sys/kernel/random/boot_id", "sys/bus/usb/devices/1-1/serial", "sys/block/sda/serial",
    "sys/block/sda/wwid", "sys/block/sda/uuid", "sys/block/sda/device/serial",
    "sys/block/sda/device/wwid", "sys/block/mmcblk0/device/cid", "sys/class/nvme/nvme0/serial",
    "sys/class/power_supply/BAT0/serial_number", "sys/bus/mmc/devices/mmc0:0001/serial",
    "sys/bus/mmc/devices/mmc0:0001/cid",
)  # fmt: skip


@pytest.mark.parametrize("path", SERIAL_PLACES)
def test_every_place_of_a_serial_number_is_read(tree, path):
    tree.write(path, "S5SXNS0R700159")
    assert identities(tree.host).serials == ("S5SXNS0R700159",)


@pytest.mark.parametrize(
    "path",
    [
        "sys/class/net/x/address",
        "sys/class/bluetooth/x/address",
        "sys/class/ieee80211/x/macaddress",
    ],
)
def test_every_place_of_an_address_is_read(tree, path):
    tree.write(path, MAC)
    assert identities(tree.host).macs == (MAC,)


def test_control_groups_that_are_called_so_on_every_box_are_no_secret(tree):
    tree.write("proc/self/cgroup", "4:memory:/docker/abc\n1:name=systemd:/user.slice/own.service\n")
    tree.write("proc/self/cpuset", "/kubepods/besteffort/podx\n")
    tree.write("proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n/dev/sda / ext4 rw 0 0")
    found = identities(tree.host)
    assert found.groups == ("abc", "own.service", "podx")
    assert found.group_folders == ("/sys/fs/cgroup",)


def test_what_a_box_is_known_by(tree):
    tree.nic("eth0", address=MAC.upper()).nic("lo", address="00:00:00:00:00:00")
    tree.usb("1-1", "0781:5581", serial="4C530001230114")
    tree.usb("usb1", "1d6b:0002", serial="0000:00:14.0")
    tree.usb("1-2", "0781:5581", serial="0001")
    tree.write("sys/class/dmi/id", {"product_serial": "PF2ABCDE", "board_serial": "Default string"})
    tree.write("sys/block/sda/device/vpd_pg80", b"\0\x80\0\x0eWD-WCC4N1234567")
    tree.write("proc/cpuinfo", "model\t: x\nSerial\t\t: 10000000f2a3b4c5")
    tree.write("etc/machine-id", "0123456789abcdef0123456789abcdef")
    tree.write("proc/sys/kernel/hostname", "edge-7")
    found = identities(tree.host)
    assert found.macs == (MAC,)
    assert found.hostname == "edge-7"
    assert set(found.serials) == {
        "4C530001230114", "PF2ABCDE", "WD-WCC4N1234567", "10000000f2a3b4c5",
        "0123456789abcdef0123456789abcdef",
    }  # fmt: skip
