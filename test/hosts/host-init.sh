#!/bin/bash
# The first process of a private libvirt host, started by libvirtd.ts through
#   unshare --mount --net --pid --fork --kill-child bash host-init.sh ROOT tied|free yes|no [--listen]
# It is process 1 of its own PID namespace: bash reaps every orphan at once (libvirt's destroy waits for that), and
# when it dies the kernel kills libvirtd, QEMU and dnsmasq and drops the mounts and the network with them.
set -eu
root=$1 life=$2 kvm=$3 listen=${4:-}

# /proc is still the outer one here, so this is the process id that the outside sees.
read -r outer_pid _ </proc/self/stat

private_dev() {
  # Built elsewhere and moved into place, since its nodes come from the old one. Without /dev/kvm, libvirt neither tries
  # KVM nor probes each QEMU binary again at every start, as it does when the device is there but not usable.
  mkdir -p "$root/dev"
  mount -t tmpfs -o mode=755,size=1m dev "$root/dev"
  mkdir -p "$root/dev/net" "$root/dev/pts" "$root/dev/shm"
  cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$root/dev/"
  if [ -e /dev/net/tun ]; then cp -a /dev/net/tun "$root/dev/net/tun"; fi
  if [ -e /dev/vhost-net ]; then cp -a /dev/vhost-net "$root/dev/vhost-net"; fi
  if [ "$kvm" = yes ]; then
    cp -a /dev/kvm "$root/dev/kvm"
    chmod 666 "$root/dev/kvm"
  fi
  mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s /proc/self/fd/0 "$root/dev/stdin"
  ln -s /proc/self/fd/1 "$root/dev/stdout"
  ln -s /proc/self/fd/2 "$root/dev/stderr"
  # Hidden mounts below the old /dev would confuse libvirt, which moves each mount there into the guest's own /dev.
  umount --lazy --recursive /dev 2>/dev/null || true
  mount --move "$root/dev" /dev
}

private_sys() {
  # A new sysfs shows the interfaces of the new network namespace. Control groups stay hidden: several hosts would
  # otherwise use the same group names. AppArmor's file system is kept where the kernel has it.
  mkdir -p "$root/securityfs"
  local security=no
  if [ -d /sys/kernel/security/apparmor ]; then
    mount --rbind /sys/kernel/security "$root/securityfs"
    security=yes
  fi
  umount --lazy --recursive /sys
  mount -t sysfs sysfs /sys
  if [ "$security" = yes ]; then mount --rbind "$root/securityfs" /sys/kernel/security; fi
}

over() { # over PRIVATE PUBLIC: the private folder takes the place of the public one, if that exists
  if [ -d "$2" ]; then mount --bind "$1" "$2"; fi
}

private_run() {
  # A fresh /run has no D-Bus, so that libvirt does not register guests with the machine's systemd-machined.
  local resolver
  resolver=$(readlink -f /etc/resolv.conf || true)
  mount -t tmpfs -o mode=755 run /run
  mkdir -p /run/libvirt /run/lock
  case $resolver in
    /run/*) mkdir -p "${resolver%/*}" && : >"$resolver" ;;
  esac
  mount --bind "$root/run" /run/libvirt
}

private_dev
private_sys
private_run
over "$root/etc" /etc/libvirt
over "$root/lib" /var/lib/libvirt
over "$root/cache" /var/cache/libvirt
over "$root/log" /var/log/libvirt
over "$root/swtpm-ca" /var/lib/swtpm-localca
over "$root/swtpm-log" /var/log/swtpm
over "$root/apparmor" /etc/apparmor.d/libvirt
mount -t proc proc /proc
ip link set lo up

echo "$outer_pid" >"$root/init.pid.new"
mv "$root/init.pid.new" "$root/init.pid"

# shellcheck disable=SC2086 # No word at all where it is empty.
libvirtd -d $listen -f /etc/libvirt/libvirtd.conf -p /run/libvirt/libvirtd.pid </dev/null >"$root/libvirtd.out" 2>&1

if [ "$life" = tied ]; then
  # Standard input is a pipe from the process that started the host: it ends when that process ends, however it ends.
  while read -r _; do :; done
else
  sleep infinity &
  wait
fi
