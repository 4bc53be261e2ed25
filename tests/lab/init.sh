#!/bin/sh
# What a lab host does: no systemd, only libvirtd and virtlogd; a shell for whoever sends commands
# to a port, and another port for files. QEMU forwards the ports from loopback.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root
mount -t proc none /proc
mount -t sysfs none /sys
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run
mkdir -p /dev/pts /dev/shm /dev/hugepages /dev/hugepages1G
mkdir -p /var/log/libvirt/qemu /var/lib/libvirt /var/cache/libvirt /etc/libvirt
mount -t devpts none /dev/pts
mount -t tmpfs none /dev/shm
mount -t hugetlbfs -o pagesize=2M none /dev/hugepages
mount -t hugetlbfs -o pagesize=1G none /dev/hugepages1G
: >/etc/resolv.conf
# libvirt's QEMU driver looks for this user, whoever qemu.conf has QEMU run as (qemu_conf.c).
echo "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin" >>/etc/passwd
echo "libvirt-qemu:x:64055:" >>/etc/group
. /lab/settings
/lab/busybox ifconfig eth1 "$address" netmask 255.255.255.0 up
# Else each start of a domain would wait for a name server.
echo "127.0.0.1 $(hostname) localhost" >/etc/hosts
[ ! -e /lab/capabilities.tar ] || tar -x -C / -f /lab/capabilities.tar
cp /lab/libvirtd.conf /lab/qemu.conf /etc/libvirt/
/lab/busybox nc -ll -p 4000 -e sh &
/lab/busybox nc -ll -p 4001 -e tar -x -C / -f - &
virtlogd --daemon
libvirtd --listen --daemon
echo "lab is up"
while :; do
    wait
    sleep 1
done
