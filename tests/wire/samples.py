"""One full message of each kind. The golden bytes are made of these."""

import dataclasses

from skerry_wire import (
    approval,
    box_policy,
    capability,
    envelope,
    hardware,
    images,
    lifecycle,
    local,
    messages,
    order_keys,
    session,
    workload,
)

STAMP = {"incarnation": "00112233445566778899aabbccddeeff", "boot": 7, "seq": 42}

CONTAINER = workload.Container(
    name="web",
    image="registry.example:5000/shop/web@sha256:" + "a" * 64,
    pull="always",
    entrypoint=("/bin/httpd",),
    command=("-f", "-p", "80"),
    environment={"B": "2", "A": "1"},
    labels={"tier": "front"},
    user="1000:1000",
    working_dir="/srv",
    ports=(workload.PortMapping(host=8080, container=80, host_ip="127.0.0.1"),),
    mounts=(workload.Mount(kind="bind", source="/srv/data", target="/data", read_only=True),),
    devices=(workload.DeviceMapping(host="/dev/ttyUSB0", container="/dev/ttyUSB0"),),
    restart="on-failure",
    restart_retries=5,
    health=workload.HealthCheck(command=("CMD", "true"), interval_s=5.0),
    stop_signal="SIGINT",
    stop_grace_s=2.5,
    cpu_limit_milli=500,
    memory_limit_bytes=64 * 2**20,
    read_only=True,
    init=True,
    network="bridge",
    cap_drop=("ALL",),
)
ORDER = messages.Order(
    node="box-1",
    incarnation=STAMP["incarnation"],
    generation=12,
    issued_at=1_790_000_000.5,
    instances=(
        workload.Instance(
            id="shop-web-0",
            workload="shop-web",
            revision="0123456789abcdef",
            containers=(CONTAINER,),
        ),
    ),
)
STATUS = messages.InstanceStatus(
    id="shop-web-0",
    workload="shop-web",
    revision="0123456789abcdef",
    state=messages.InstanceState.FAILED,
    reason="port 8080 is in use",
    runtime="podman",
    container_ids=("f" * 12,),
    health=messages.Health.STARTING,
    started_at=1_790_000_001.0,
    exit_code=-1,
    restarts=3,
)
REFUSAL = messages.Refusal(generation=13, code="bad_signature", reason="the signature is wrong")
HARDWARE = hardware.Hardware(
    system=hardware.System(arch="x86_64", hostname="till-3", kernel="6.1.0", cgroup_version=2),
    cpu=hardware.Cpu(
        logical_count=4,
        core_count=2,
        model="Example 1",
        max_mhz=2400.0,
        kinds=(hardware.CpuKind(name="example", logical_count=4),),
        caches=(hardware.CpuCache(level=1, type="data", size_bytes=32768, count=2),),
        flags=("aes", "avx2"),
    ),
    memory=hardware.Memory(
        total_bytes=2**32, numa=(hardware.NumaMemory(node=0, total_bytes=2**32),)
    ),
    storage=(hardware.Disk(name="mmcblk0", transport="mmc", rotational=False, size_bytes=2**35),),
    filesystems=(hardware.Filesystem(mount="/", device="/dev/mmcblk0p2", type="ext4"),),
    nics=(hardware.Nic(name="eth0", hardware=True, kind="ethernet", speed_mbps=1000),),
    pci=(
        hardware.PciFunction(address="0000:01:00.0", vendor="10de", device="2684", class_="030000"),
    ),
    usb=(hardware.UsbDevice(path="1-1.2", vendor="18d1", product="9302", classes=("ff",)),),
    accelerators=(
        hardware.Accelerator(
            kind="tpu",
            vendor="Google",
            model="Coral USB",
            bus="usb",
            address="1-1.2",
            device_nodes=("/dev/bus/usb/001/004",),
            usable=True,
        ),
    ),
    cameras=(hardware.Camera(name="HD Camera", path="/dev/video0"),),
    bluetooth=(hardware.Bluetooth(name="hci0", bus="usb"),),
    runtimes=(hardware.RuntimeInfo(name="podman", version="4.3.1", usable=True),),
    labels={"site": "quay-3", "kubernetes.io/arch": "amd64"},
    probes={"cpu": hardware.ProbeStatus(status="found")},
)
EVERY_DEVICE = dataclasses.replace(
    HARDWARE,
    system=dataclasses.replace(
        HARDWARE.system,
        secure_boot=True,
        tpm_version="2.0",
        security_modules=("capability", "apparmor"),
        kvm=False,
    ),
    cpu=dataclasses.replace(HARDWARE.cpu, threads_per_core=2),
    nics=(
        hardware.Nic(
            name="can0",
            hardware=True,
            kind="can",
            address="spi0.0",
            sriov_vfs=8,
            virtual_function=True,
        ),
    ),
    pci=(dataclasses.replace(HARDWARE.pci[0], virtual_function=True),),
    usb=(hardware.UsbDevice(path="1-1.2"),),
    accelerators=(
        dataclasses.replace(
            HARDWARE.accelerators[0], driver_version="1.2", partitions=("1g.10gb", "1g.10gb")
        ),
    ),
    serial_ports=(
        hardware.SerialPort(
            name="ttyUSB0", path="/dev/ttyUSB0", driver="ftdi_sio", bus="usb", address="1-1.3"
        ),
    ),
    gpio=(hardware.GpioChip(name="gpiochip0", path="/dev/gpiochip0", label="io", line_count=54),),
    i2c=(hardware.I2cBus(name="i2c-1", label="bcm2835", path="/dev/i2c-1"),),
    modems=(
        hardware.Modem(
            name="EM7455",
            bus="usb",
            address="2-1.6",
            driver="qmi_wwan",
            paths=("/dev/cdc-wdm0",),
            interfaces=("wwan0",),
        ),
    ),
    ptp=(hardware.PtpClock(name="ptp0", path="/dev/ptp0", label="igb", interfaces=("eth0",)),),
    watchdogs=(hardware.Watchdog(name="watchdog0", path="/dev/watchdog0", label="iTCO_wdt"),),
    sensors=(hardware.Sensor(kind="temperature", name="cpu-thermal", chip="thermal_zone0"),),
    cdi_devices=("nvidia.com/gpu=0",),
    probes={
        "nvml": hardware.ProbeStatus(
            status="failed", reason="took longer than 10 s", kept_from=1_790_000_000.0
        )
    },
)
"""What `HARDWARE`, of an earlier version, does not have: those fields are sparse."""

POLICY = box_policy.BoxPolicy(
    images=(
        images.ImagePattern(registry="registry.example:5000", path="shop"),
        images.ImagePattern(registry="docker.io", path="library/nginx", tag="1.27"),
    ),
    require_digest=True,
    privileged=True,
    host_network=True,
    host_pid=True,
    host_ipc=True,
    capabilities=("NET_ADMIN",),
    bind=("/srv/data",),
    bind_read_only=("/etc/localtime",),
    volumes=False,
    devices=("/dev/ttyUSB*",),
    ports=(
        box_policy.PortRange(first=8000, last=8999),
        box_policy.PortRange(first=53, last=53, protocol="udp"),
    ),
    cpu_milli=3000,
    memory_bytes=2**31,
)

ENVELOPE = envelope.seal(ORDER, "0123456789abcdef", lambda data: b"s" * 64)

SEALED = lifecycle.Sealed(name="db-password", version="00ff", box=b"b" * 48)

LIVING = workload.Instance(
    id="shop-web-0",
    workload="shop-web",
    revision="1" * 16,
    containers=(
        workload.Container(
            name="web",
            image="registry.example/shop/web:2",
            health=workload.HealthCheck(
                command=(), http=lifecycle.HttpProbe(port=8080, path="/ready")
            ),
            after=(lifecycle.After(container="db", condition="healthy"),),
            files=(
                lifecycle.File(path="/etc/web.toml", content=b"port = 8080", mode=0o444),
                lifecycle.File(path="/run/secrets/db-password", secret=SEALED, uid=1000, gid=1000),
            ),
            secret_environment={"TOKEN": SEALED},
            credentials=SEALED,
            cdi_devices=("nvidia.com/gpu=0",),
            log=lifecycle.LogLimits(max_bytes=2**20, files=3),
        ),
        workload.Container(
            name="db",
            image="registry.example/shop/db:2",
            health=workload.HealthCheck(command=(), tcp=lifecycle.TcpProbe(port=5432)),
        ),
    ),
    job=lifecycle.Job(retries=2, deadline_s=600.0, schedule="*/5 * * * *"),
    lease=lifecycle.Lease(duration_s=60.0),
    switch=lifecycle.Switch(settle_s=5.0, deadline_s=60.0, rollback=False),
    shared_network=True,
)
"""Everything of a life cycle at once, which no real instance has."""

MESSAGES = {
    "order_lifecycle": dataclasses.replace(ORDER, instances=(LIVING,)),
    "report_lifecycle": messages.Report(
        **STAMP,
        accepted=12,
        generation=11,
        instances=(
            dataclasses.replace(
                STATUS,
                update=lifecycle.UpdateStatus(
                    revision="2" * 16, state="rolled_back", reason="web did not become healthy"
                ),
                job=lifecycle.JobStatus(
                    runs=3, attempts=2, succeeded=False, next_at=1_790_000_300.0
                ),
            ),
        ),
        sealing_key=b"k" * 32,
    ),
    "report_pull": messages.Report(
        **STAMP,
        accepted=12,
        generation=11,
        instances=(
            dataclasses.replace(
                STATUS,
                state=messages.InstanceState.PULLING,
                pull=lifecycle.PullStatus(
                    image="registry.example/shop/web:2", done_bytes=3_145_728
                ),
            ),
        ),
    ),
    "key_change": order_keys.KeyChange(
        sequence=1_790_000_000, trusted=(b"k" * 32,), retired=(b"o" * 32,)
    ),
    "key_changes": order_keys.KeyChanges(changes=(b"\x80", b"\x81")),
    "report_keys": messages.Report(
        **STAMP,
        accepted=0,
        generation=0,
        keys=order_keys.KeyStanding(sequence=1_790_000_000, trusted=("0123456789abcdef",)),
    ),
    "executor_keys": local.ExecutorReply(
        kind="done",
        keys=order_keys.KeyStanding(sequence=2, trusted=("0123456789abcdef",)),
    ),
    "executor_request_keys": local.ExecutorRequest(
        node="box-1", incarnation=STAMP["incarnation"], keys=b"\x80"
    ),
    "approval": approval.Approval(
        workload="shop-web",
        digest="ab" * 32,
        devices=("web: /dev/ttyUSB0 as /dev/ttyUSB0 (rw)",),
        placed_devices=True,
        approved_at=1_790_000_000.5,
    ),
    "approved_content": approval.content_of(
        "shop-web", (CONTAINER,), shared_network=True, placed_devices=True
    ),
    "order_approved": dataclasses.replace(
        ORDER,
        instances=tuple(
            dataclasses.replace(one, approvals=(b"\x80", b"\x81")) for one in ORDER.instances
        ),
    ),
    "capability_approval": capability.Capability(
        **STAMP,
        revision="00ff00ff00ff00ff",
        hardware=hardware.Hardware(
            policy=box_policy.BoxPolicy(
                approval=box_policy.Approvals(required=True, keys=("0123456789abcdef",))
            )
        ),
    ),
    "lease": messages.LeaseRequest(**STAMP, challenge=b"c" * 32),
    "grant": messages.Grant(
        node="box-1",
        incarnation=STAMP["incarnation"],
        challenge=b"c" * 32,
        instances={"shop-web-0": 60.0},
    ),
    "instance_request": messages.InstanceRequest(
        node="box-1",
        incarnation=STAMP["incarnation"],
        challenge=b"c" * 32,
        answer_key=b"k" * 32,
        verb="exec",
        instance="shop-web-0",
        container="web",
        command=("cat", "/etc/hosts"),
        stdin=b"in",
        within_s=30.0,
    ),
    "instance_request_session": messages.InstanceRequest(
        node="box-1",
        incarnation=STAMP["incarnation"],
        challenge=b"c" * 32,
        answer_key=b"k" * 32,
        verb="exec",
        instance="shop-web-0",
        command=("sh",),
        terminal=messages.Terminal(columns=120, rows=40),
        input=True,
    ),
    "session_input": session.SessionInput(
        data=b"ls\r", terminal=messages.Terminal(columns=120, rows=40), eof=True
    ),
    "session_output": session.SessionOutput(
        data=b"hosts", stream="err", taken=3, end=True, error="it was ended", exit_code=130
    ),
    "executor_input": local.ExecutorInput(piece=b"\x00\x01"),
    "instance_request_top": messages.InstanceRequest(
        node="box-1",
        incarnation=STAMP["incarnation"],
        challenge=b"c" * 32,
        answer_key=b"k" * 32,
        verb="top",
    ),
    "usages": lifecycle.Usages(
        containers=(
            lifecycle.InstanceUsage(
                instance="shop-web-0",
                usage=lifecycle.Usage(container="web", cpu_s=12.5, memory_bytes=2**24, processes=3),
                cpu_milli=250.0,
            ),
        ),
        failures=("shop-db-0: the runtime does not answer",),
    ),
    "executor_policy_requests": local.ExecutorReply(
        kind="done",
        policy=box_policy.BoxPolicy(
            requests=box_policy.AllowedRequests(logs=False, restart=False, top=False, exec=True)
        ),
    ),
    "request_instance": messages.Request(id="r-2", verb="instance", envelope=b"\x80"),
    "reply_part": messages.Reply(**STAMP, id="r-2", body=b"127.0.0.1", part=1),
    "executor_grant": local.ExecutorRequest(
        node="box-1", incarnation=STAMP["incarnation"], grant=b"\x80"
    ),
    "executor_part": local.ExecutorReply(
        kind="part",
        challenge=b"c" * 32,
        sealing_key=b"k" * 32,
        error="there is no such instance",
        body=b"127.0.0.1",
    ),
    "executor_restarted": local.ExecutorReply(
        kind="done",
        body=b"127.0.0.1",
        visit=True,
        restarted=local.Restarted(instance="shop-web-0", containers=("db", "web")),
    ),
    "presence": messages.Presence(**STAMP, online=True, since=1_790_000_000.0, version="0.1.0"),
    "capability": capability.Capability(**STAMP, revision="00ff00ff00ff00ff", hardware=HARDWARE),
    "heartbeat": messages.Heartbeat(
        **STAMP,
        capability="00ff00ff00ff00ff",
        generation=12,
        uptime_s=86_400,
        cpu_percent=12.5,
        load_1m=0.25,
        memory_available_bytes=2**31,
        storage_available_bytes=2**34,
        temperature_c=48.5,
        round_trip_ms={"hub": 12.25},
    ),
    "capability_devices": capability.Capability(
        **STAMP, revision="00ff00ff00ff00ff", hardware=EVERY_DEVICE
    ),
    "heartbeat_sensors": messages.Heartbeat(
        **STAMP,
        capability="00ff00ff00ff00ff",
        generation=12,
        battery_percent=81.5,
        on_battery=True,
        power_w=12.25,
        filesystems_available_bytes={"/data": 2**33},
    ),
    "order": ORDER,
    "envelope": ENVELOPE,
    "report": messages.Report(
        **STAMP,
        accepted=12,
        generation=11,
        digest="ab" * 32,
        refusal=REFUSAL,
        problems=("the journal cannot be written: no space left on device",),
        instances=(STATUS,),
    ),
    "event": messages.Event(
        **STAMP,
        id="7-42",
        kind=messages.EventKind.EXITED,
        at=1_790_000_002.0,
        subject="shop-web-0",
        detail="exit code 1",
        generation=12,
    ),
    "event_counted": messages.Event(
        **STAMP,
        id="7-43",
        kind=messages.EventKind.SUPPRESSED,
        at=1_790_000_002.0,
        subject="agent events",
        detail="17 events of 3 subjects not sent: too many",
        count=17,
        first_at=1_790_000_000.0,
        age_s=86_400.5,
    ),
    "request": messages.Request(id="r-1", verb="probe", arguments={"class": "usb"}),
    "reply": messages.Reply(**STAMP, id="r-1", error="no such verb", body=b"\x00\x01"),
    "capability_address": capability.Capability(
        **STAMP,
        revision="00ff00ff00ff00ff",
        hardware=hardware.Hardware(),
        round_trip_address="box-1.example:22",
    ),
    "capability_policy": capability.Capability(
        **STAMP, revision="00ff00ff00ff00ff", hardware=hardware.Hardware(policy=POLICY)
    ),
    "targets": messages.Targets(
        targets=(
            messages.Target(name="endpoint/erp", host="erp.example", port=443),
            messages.Target(name="node/box-2", host="2001:db8::2", port=22),
        )
    ),
    "executor_request": local.ExecutorRequest(
        node="box-1", incarnation=STAMP["incarnation"], order=b"\x80"
    ),
    "executor_reply": local.ExecutorReply(
        kind="done",
        outcome=local.Outcome(
            accepted=12,
            digest="ab" * 32,
            reached=False,
            refusal=REFUSAL,
            problems=("podman does not answer",),
            instances=(STATUS,),
            retry_after_s=5.0,
        ),
        watched=("shop-web-0",),
    ),
    "executor_reply_policy": local.ExecutorReply(
        kind="done", outcome=local.Outcome(), policy=POLICY
    ),
}
