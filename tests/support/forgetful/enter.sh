#!/bin/sh
# Run a command under a root whose /etc and /var lie on the image; for `unshare -m`.
# Arguments: image, run folder, programs' folder, command.
set -e
image=$1 run=$2 programs=$3
shift 3
root=/mnt
mount -t tmpfs tmpfs $root
mkdir $root/disk $root/etc $root/var $root/run $root/tmp $root/usr $root/dev $root/proc
for name in bin sbin lib lib32 lib64 libx32; do
    if [ -L /$name ]; then
        cp -P /$name $root/
    elif [ -d /$name ]; then
        mkdir $root/$name && mount --rbind /$name $root/$name
    fi
done
mount --rbind /usr $root/usr
mount --bind "$programs" $root/usr/local
mount --rbind /dev $root/dev
mount --rbind /proc $root/proc
# No commit by time: what is on the disk is what was asked to be.
mount -t ext4 -o loop,commit=600 "$image" $root/disk
mount --bind $root/disk/etc $root/etc
mount --bind $root/disk/var $root/var
mount --bind "$run" $root/run
exec chroot $root "$@"
