/** A file of a private host. */
export interface Files {
  /** The directory of the pool `default`. */
  readonly pool: string;
  readonly system: string;
  readonly data: string;
}

/** A machine as `virt-install --import --osinfo debian11` defines it, with what people add: passthrough, tuning, namespaces. */
export const virtInstall = ({ pool, system, data }: Files, name = "web"): string => `
<domain type="qemu" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
  <name>${name}</name>
  <title>the front</title>
  <description>front &lt;end&gt; &amp; "co"</description>
  <metadata>
    <libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0">
      <libosinfo:os id="http://debian.org/debian/11"/>
    </libosinfo:libosinfo>
    <other:note xmlns:other="urn:somebody-else" kept="yes">theirs</other:note>
  </metadata>
  <memory unit="KiB">131072</memory>
  <currentMemory unit="KiB">65536</currentMemory>
  <vcpu current="2" cpuset="0">4</vcpu>
  <cputune><vcpupin vcpu="0" cpuset="0"/></cputune>
  <os><type arch="x86_64" machine="q35">hvm</type><boot dev="hd"/></os>
  <features><acpi/><apic/><vmport state="off"/></features>
  <cpu mode="custom" match="exact" check="none"><model fallback="allow">qemu64</model><topology sockets="2" cores="2" threads="1"/></cpu>
  <clock offset="utc">
    <timer name="rtc" tickpolicy="catchup"/><timer name="pit" tickpolicy="delay"/><timer name="hpet" present="no"/>
  </clock>
  <on_crash>restart</on_crash>
  <pm><suspend-to-mem enabled="no"/><suspend-to-disk enabled="no"/></pm>
  <devices>
    <disk type="file" device="disk">
      <driver name="qemu" type="qcow2" cache="writeback" io="threads" discard="unmap"/>
      <source file="${system}"/><target dev="vda" bus="virtio"/>
      <iotune><total_iops_sec>5000</total_iops_sec></iotune><serial>SYSTEM0</serial>
    </disk>
    <disk type="file" device="disk">
      <driver name="qemu" type="raw"/><source file="${data}"/><target dev="vdb" bus="virtio"/>
    </disk>
    <disk type="volume" device="disk">
      <driver name="qemu" type="qcow2"/><source pool="default" volume="named.qcow2"/><target dev="vdc" bus="virtio"/>
    </disk>
    <disk type="file" device="disk">
      <driver name="qemu" type="raw"/><source file="${pool}/stick.img"/><target dev="sdc" bus="usb" removable="on"/>
    </disk>
    <disk type="file" device="cdrom"><target dev="sda" bus="sata"/><readonly/></disk>
    <controller type="usb" model="qemu-xhci" ports="15"/>
    <interface type="network">
      <mac address="52:54:00:11:22:33"/><source network="lan" portgroup="eng"/><model type="virtio"/>
      <driver name="qemu"/>
    </interface>
    <interface type="network">
      <mac address="52:54:00:11:22:34"/><source network="lan"/><model type="e1000"/>
    </interface>
    <interface type="user"><mac address="52:54:00:11:22:35"/><model type="virtio"/></interface>
    <console type="pty"/>
    <channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>
    <input type="tablet" bus="usb"/>
    <graphics type="vnc" port="-1" autoport="yes" keymap="de"/>
    <video><model type="vga" vram="32768"/></video>
    <watchdog model="i6300esb" action="reset"/>
    <memballoon model="virtio"/>
    <rng model="virtio"><backend model="random">/dev/urandom</backend><rate bytes="1024" period="1000"/></rng>
  </devices>
  <qemu:commandline><qemu:env name="NOTHING" value="1"/></qemu:commandline>
</domain>`;

/** libvirt's default network with much of what people add to one. */
export const richNetwork = (n: number, name = "lan"): string => `
<network xmlns:dnsmasq="http://libvirt.org/schemas/network/dnsmasq/1.0" ipv6="yes">
  <name>${name}</name>
  <forward mode="nat"><nat><port start="1024" end="65535"/></nat></forward>
  <bridge name="virbr${n}" stp="on" delay="2"/>
  <mac address="52:54:00:77:00:0${n}"/>
  <domain name="lan.example" localOnly="yes"/>
  <dns forwardPlainNames="no">
    <forwarder addr="192.0.2.9"/><txt name="x" value="y"/>
    <srv service="ldap" protocol="tcp" domain="lan.example" target="a.lan.example" port="389"/>
    <host ip="192.168.${70 + n}.2"><hostname>gw</hostname><hostname>gateway</hostname></host>
  </dns>
  <ip address="192.168.${70 + n}.1" netmask="255.255.255.0">
    <dhcp>
      <range start="192.168.${70 + n}.100" end="192.168.${70 + n}.200"><lease expiry="1" unit="hours"/></range>
      <range start="192.168.${70 + n}.210" end="192.168.${70 + n}.220"/>
      <host mac="52:54:00:11:22:33" name="web" ip="192.168.${70 + n}.10"><lease expiry="30" unit="minutes"/></host>
      <host name="nomac" ip="192.168.${70 + n}.11"/>
      <bootp file="pxelinux.0" server="192.168.${70 + n}.1"/>
    </dhcp>
  </ip>
  <ip family="ipv6" address="fd00:7${n}::1" prefix="64"/>
  <route address="10.9.0.0" prefix="16" gateway="192.168.${70 + n}.9"/>
  <portgroup name="eng" default="yes" trustGuestRxFilters="no"/>
  <dnsmasq:options><dnsmasq:option value="log-queries"/></dnsmasq:options>
</network>`;

/** A network without translation for hosts that know the way to it. */
export const routedNetwork = (n: number, name: string): string => `
<network>
  <name>${name}</name>
  <metadata><other:note xmlns:other="urn:somebody-else" kept="yes">theirs</other:note></metadata>
  <forward mode="route" dev="lo"><interface dev="lo"/></forward>
  <bridge name="virbr${n}" zone="" stp="off" delay="0"/>
  <domain name="lan.example"/>
  <ip family="ipv4" address="192.168.${70 + n}.1" prefix="24"/>
  <ip family="ipv4" address="192.168.${170 + n}.1" prefix="25"/>
</network>`;

/** A network for which libvirt writes no rules of a firewall. */
export const openNetwork = (n: number, name: string): string => `
<network>
  <name>${name}</name>
  <forward mode="open"/>
  <bridge name="virbr${n}" stp="on" delay="0"/>
  <dns enable="no"/>
  <ip address="192.168.${70 + n}.1" prefix="24" localPtr="no"><tftp root="/var/tmp"/></ip>
</network>`;

/** A bridge of the host, with groups of ports. */
export const virtualSwitch = (bridge: string, name: string): string => `
<network>
  <name>${name}</name>
  <forward mode="bridge"/>
  <bridge name="${bridge}"/>
  <port isolated="no"/>
  <portgroup name="slow" default="yes"><bandwidth><inbound average="100"/></bandwidth></portgroup>
  <portgroup name="fast"/>
</network>`;
