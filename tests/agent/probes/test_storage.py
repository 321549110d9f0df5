"""Disks and file systems."""

import pytest
from tests.agent.trees import found, result

from skerry_agent.host import Host
from skerry_agent.probes import storage
from skerry_agent.probes.result import Absent, Found
from skerry_wire.hardware import Filesystem


def disk(tree, name, place="pci0000:00/0000:00:1f.2/ata1/host0", sectors=2000, **files):
    tree.write(f"sys/block/{name}", {"size": sectors, "queue": {"rotational": 0}})
    tree.write(f"sys/devices/{place}", {"model": "A disk", **files})
    return tree.link(f"sys/block/{name}/device", f"/sys/devices/{place}")


@pytest.mark.parametrize(
    ("name", "place", "files", "transport"),
    [
        ("sda", "pci0000:00/0000:00:1f.2/ata1/host0", {}, "sata"),
        ("sdb", "pci0000:00/0000:00:14.0/usb1/1-1/host2", {}, "usb"),
        ("nvme0n1", "pci0000:00/0000:01:00.0/nvme/nvme0", {"transport": "pcie"}, "nvme"),
        ("nvme1n1", "virtual/nvme-fabrics/ctl/nvme1", {"transport": "tcp"}, "nvme-tcp"),
        ("mmcblk0", "platform/sdhci/mmc0/mmc0:0001", {"type": "MMC"}, "mmc"),
        ("mmcblk1", "platform/sdhci/mmc1/mmc1:aaaa", {"type": "SD"}, "sd"),
        ("vda", "pci0000:00/0000:00:05.0/virtio2", {}, "virtio"),
        ("nvme2n1", "platform/27bcc0000.nvme/nvme/nvme2", {"transport": "apple-nvme"}, "nvme"),
        ("sdc", "pci0000:00/0000:05:00.0/fw0/fw1/fw1.0/host3", {}, "firewire"),
        ("sdd", "vbd-2048", {}, "xen"),
        ("hda", "pci0000:00/0000:00:1f.1/ide0/0.0", {"media": "disk"}, "ide"),
    ],
)
def test_transports(tree, name, place, files, transport):
    ((found_disk,), _) = found(disk(tree, name, place, **files), "storage")
    assert (found_disk.transport, found_disk.size_bytes) == (transport, 2000 * 512)
    assert found_disk.rotational is False


@pytest.mark.parametrize(
    "name", ["loop0", "ram0", "zram0", "sr0", "dm-0", "md0", "mmcblk0boot0", "mtdblock0", "fd0"]
)
def test_what_is_no_disk(tree, name):
    disks, _ = found(disk(disk(tree, "sda"), name, f"virtual/{name}"), "storage")
    assert [one.name for one in disks] == ["sda"]


def test_a_file_system_is_one_however_often_it_is_mounted(tree):
    tree.write(
        "proc/self/mounts",
        "/dev/sda1 / ext4 rw 0 0\n"
        "/dev/sda1 /var/lib/containers/storage/overlay ext4 rw 0 0\n"
        "tmpfs /run tmpfs rw 0 0\n"
        "/dev/loop3 /snap/core squashfs ro 0 0\n"
        "overlay /merged overlay rw 0 0\n"
        "/dev/sdb1 /mnt/with\\040space xfs rw 0 0",
    )
    _, filesystems = found(tree, "storage")
    assert filesystems == (
        Filesystem(mount="/", device="/dev/sda1", type="ext4"),
        Filesystem(mount="/mnt/with space", device="/dev/sdb1", type="xfs"),
    )


def test_an_unknown_size_is_none_not_zero(tree):
    ((one,), _) = found(disk(tree, "sda", sectors="nonsense"), "storage")
    assert one.size_bytes is None


def test_none_is_absent(tree):
    assert isinstance(result(tree, "storage"), Absent)


def test_ways_to_a_disk_are_no_disks_beside_it(tree):
    for name in ("nvme0n1", "nvme0c0n1", "nvme0c1n1", "nvme5c5n1"):
        disk(tree, name, f"pci0000:00/0000:01:00.0/nvme/{name}")
    disks, _ = found(tree, "storage")
    assert [one.name for one in disks] == ["nvme0n1", "nvme5c5n1"]


@pytest.mark.parametrize(
    ("driver", "transport"), [("ahci", "sata"), ("ufshcd", "ufs"), ("megaraid_sas", "scsi")]
)
def test_where_no_step_of_the_path_tells_the_controller_does(tree, driver, transport):
    disk(tree, "sda", "pci0000:00/0000:00:1f.2/host0/target0:0:0/0:0:0:0")
    tree.link("sys/devices/pci0000:00/0000:00:1f.2/driver", f"/sys/bus/pci/drivers/{driver}")
    ((one,), _) = found(tree, "storage")
    assert one.transport == transport


def test_a_card_without_a_type_file_says_it_in_its_event(tree):
    disk(tree, "mmcblk0", "platform/mmc0/mmc0:aaaa", uevent="DRIVER=mmcblk\nMMC_TYPE=SD")
    ((one,), _) = found(tree, "storage")
    assert one.transport == "sd"


@pytest.mark.parametrize(
    ("name", "place", "address"),
    [
        ("sda", "pci0000:00/0000:00:1f.2/ata1/host0", "0000:00:1f.2"),
        ("sdb", "pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/host2", "1-1"),
        ("nvme0n1", "pci0000:00/0000:01:00.0/nvme/nvme0", "0000:01:00.0"),
        ("sdc", "platform/soc@0/1d84000.ufs/host0/target0:0:0/0:0:0:0", "1d84000.ufs"),
        ("sdd", "platform/host8/session1/target8:0:0/8:0:0:0", None),
        ("nvme1n1", "platform/soc/27bcc0000.nvme/nvme/nvme1", "27bcc0000.nvme"),
    ],
)
def test_where_a_disk_hangs(tree, name, place, address):
    ((one,), _) = found(disk(tree, name, place), "storage")
    assert one.address == address


@pytest.mark.parametrize(
    ("place", "transport", "expected"),
    [
        ("pci0000:00/0000:01:00.0/nvme/nvme0", "pcie", ("nvme", "0000:01:00.0")),
        ("virtual/nvme-fabrics/ctl/nvme0", "tcp", ("nvme-tcp", None)),
    ],
)
def test_a_disk_that_may_be_reached_in_several_ways_is_where_the_nearest_leads(
    tree, place, transport, expected
):
    subsystem = "virtual/nvme-subsystem/nvme-subsys0"
    disk(tree, "nvme0n1", subsystem).write(f"sys/devices/{place}", {"transport": transport})
    tree.link(f"sys/devices/{subsystem}/nvme9", f"/sys/devices/{place}")
    other = f"sys/devices/{place.replace('01:00', '02:00')}-other"
    tree.write(other, {"transport": transport}).link(f"sys/devices/{subsystem}/nvme0", f"/{other}")
    ((one,), _) = found(tree, "storage")
    assert (one.transport, one.address, one.model) == (*expected, "A disk")


def test_an_optical_drive_of_the_old_ide_driver_is_no_disk(tree):
    disk(tree, "hda", "pci0/ide0/0.0", media="disk")
    disk(tree, "hdc", "pci0/ide1/1.0", media="cdrom")
    disks, _ = found(tree, "storage")
    assert [one.name for one in disks] == ["hda"]


def test_file_systems_of_one_pool_share_its_room_and_flash_counts_as_well(tree):
    tree.write(
        "proc/self/mounts",
        "rpool/ROOT/debian / zfs rw 0 0\n"
        "rpool/docker/0123 /var/lib/docker/zfs/graph/0123 zfs rw 0 0\n"
        "tank/media /srv zfs rw 0 0\n"
        "ubi0:data /data ubifs rw 0 0\n"
        "host:/export /net nfs4 rw 0 0",
    )
    _, filesystems = found(tree, "storage")
    assert [(one.device, one.mount) for one in filesystems] == [
        *(("rpool", "/"), ("tank", "/srv"), ("ubi0:data", "/data")),
    ]


def test_how_large_a_part_of_a_pool_is_changes_as_it_fills_and_is_not_told(tree):
    tree.write("proc/self/mounts", "rpool/root / zfs rw 0 0\n/dev/sda1 /boot ext4 rw 0 0")
    tree.write("boot/vmlinuz")
    answer = storage.parse(storage.read(Host(tree.root, live=True)))
    assert isinstance(answer, Found)
    assert {one.type: one.size_bytes is None for one in answer.value[1]} == {
        "zfs": True,
        "ext4": False,
    }
