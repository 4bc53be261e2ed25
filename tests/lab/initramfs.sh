#!/bin/busybox sh
# The first process of a lab host: loads what the root file system and the network need, and goes on
# as /lab/init there. The root file system stays as it was built; what differs from run to run is in
# this archive and copied.
export PATH=/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /root
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
for module in /modules/*.ko; do
    insmod "$module"
done
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 up
mount -t ext4 /dev/vda /root
mkdir -p /root/lab
cp /lab/* /bin/busybox /root/lab/
umount /proc /sys
mount --move /dev /root/dev
exec switch_root /root /lab/init
