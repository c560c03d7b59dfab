#!/bin/bash
# The service of a simulated Hyper-V host that boots guests, started by boot.ts through
#   unshare --mount --net --pid --fork --kill-child bash boot.sh ROOT
# It reads the orders that the host's PowerShell writes to ROOT/.sim/orders (see module/guest.ps1), keeps a bridge for each
# switch and a QEMU for each guest, and tells which addresses answer. When it dies, the kernel ends all of that.
set -u
root=$1
own=$root/.sim
seen=0
taps=0
declare -A bridges=() guests=()

# /proc is still the outer one here, so this is the process id that the outside sees.
read -r outer_pid _ </proc/self/stat
mount -t proc proc /proc
ip link set lo up
echo "$outer_pid" >"$root/init.pid.new"
mv "$root/init.pid.new" "$root/init.pid"

# Bridges as the file says, a line each: name, then the addresses of the host's adapter.
wires() {
  local bridge addresses address wanted=' '
  while read -r bridge addresses; do
    wanted+="$bridge "
    if [ -z "${bridges[$bridge]+set}" ]; then
      ip link add "$bridge" type bridge
      ip link set "$bridge" up
      bridges[$bridge]=
    fi
    [ "${bridges[$bridge]}" = "$addresses" ] && continue
    ip address flush dev "$bridge" scope global
    for address in $addresses; do ip address add "$address" dev "$bridge"; done
    bridges[$bridge]=$addresses
  done <"$own/wires"
  for bridge in "${!bridges[@]}"; do
    case $wanted in *" $bridge "*) continue ;; esac
    ip link delete "$bridge"
    unset "bridges[$bridge]"
  done
}

firmware=/usr/share/OVMF/OVMF_CODE_4M.fd
variables=/usr/share/OVMF/OVMF_VARS_4M.fd

start() {
  local id=$1 kind first rest
  local words=(-name "$id" -machine pc,accel=tcg -cpu max -nodefaults -display none -serial "file:$own/console-$id")
  rm -f "$own/monitor-$id".{in,out}
  mkfifo "$own/monitor-$id".{in,out}
  words+=(-monitor "pipe:$own/monitor-$id")
  while read -r kind first rest; do
    case $kind in
      memory) words+=(-m "$first") ;;
      processors) words+=(-smp "$first") ;;
      generation)
        if [ "$first" = 2 ]; then
          [ -f "$own/nvram-$id" ] || cp "$variables" "$own/nvram-$id"
          words+=(-drive "if=pflash,format=raw,readonly=on,file=$firmware" -drive "if=pflash,format=raw,file=$own/nvram-$id")
        fi
        ;;
      disk) words+=(-drive "if=virtio,format=vhdx,file=${rest//,/,,}") ;;
      dvd) words+=(-drive "if=ide,media=cdrom,format=raw,readonly=on,file=${rest//,/,,}") ;;
      nic)
        taps=$((taps + 1))
        ip tuntap add dev "tap$taps" mode tap
        ip link set "tap$taps" up
        [ "$rest" = - ] || ip link set "tap$taps" master "$rest"
        words+=(-netdev "tap,id=n$taps,ifname=tap$taps,script=no,downscript=no" -device "virtio-net-pci,netdev=n$taps,mac=$first")
        ;;
    esac
  done <"$own/guest-$id"
  {
    cat "$own/monitor-$id.out" >/dev/null &
    qemu-system-x86_64 "${words[@]}" </dev/null >"$own/qemu-$id.log" 2>&1
    kill $!
    : >"$own/ended-$id"
  } &
  guests[$id]=1
}

tell() { if [ -p "$own/monitor-$1.in" ]; then echo "$2" >"$own/monitor-$1.in"; fi; }

order() {
  case $1 in
    wires) wires ;;
    start) start "$2" ;;
    kill) tell "$2" quit ;;
    pause) tell "$2" stop ;;
    resume) tell "$2" cont ;;
    reset) tell "$2" system_reset ;;
    shutdown) tell "$2" system_powerdown ;;
  esac
}

# Guests have no daemon that reports addresses to this host, so it asks each address of a small network who has it, and
# the kernel's table of neighbours is the answer.
look_around() {
  local bridge address i
  for bridge in "${!bridges[@]}"; do
    for address in ${bridges[$bridge]}; do
      [[ $address =~ ^([0-9]+\.[0-9]+\.[0-9]+)\.[0-9]+/2[4-9]$ ]] || continue
      for ((i = 1; i < 255; i++)); do echo >"/dev/udp/${BASH_REMATCH[1]}.$i/9"; done 2>/dev/null
    done
  done
  ip -o neighbour show | awk '$4 == "lladdr" { print $1, $3, $5 }' >"$own/neighbours.new"
  mv "$own/neighbours.new" "$own/neighbours"
}

# Standard input is a pipe from the process that started the host: it ends when that process ends, however it ends.
for ((turn = 0; ; turn++)); do
  read -r -t 0.1 _
  [ $? -gt 128 ] || exit 0
  if [ -f "$own/orders" ]; then
    while read -r verb id; do
      seen=$((seen + 1))
      order "$verb" "$id"
    done < <(tail -n "+$((seen + 1))" "$own/orders")
  fi
  if ((turn % 10 == 0 && ${#guests[@]} > 0)); then look_around; fi
done
