/** One form of URI by which a host is reached, for people. */
export interface Way {
  /** An example that `parseUri` understands. */
  readonly uri: string;
  /** Whom it reaches. */
  readonly reaches: string;
  /** What must be there for it. */
  readonly needs: string;
}

/** Every form, each scheme at least once (`ways.test.ts`). The sockets are libvirt's own places (daemons.html). */
export const WAYS: readonly Way[] = [
  {
    uri: "qemu:///system",
    reaches: "this machine's libvirt, which runs as root",
    needs:
      "The right to open `/run/libvirt/libvirt-sock` (or `virtqemud-sock` where libvirt is split into daemons): root, or the group `libvirt`.",
  },
  {
    uri: "qemu+unix:///system",
    reaches: "the same, spelled out",
    needs: "The same.",
  },
  {
    uri: "qemu:///session",
    reaches: "this machine's libvirt, which runs as you",
    needs:
      "Nothing but libvirt and QEMU; `$XDG_RUNTIME_DIR/libvirt/libvirt-sock` is yours. Networks of the host and KVM may be out of your reach.",
  },
  {
    uri: "qemu:///system?socket=/srv/libvirt/libvirt-sock",
    reaches: "a daemon that listens elsewhere",
    needs: "The right to open that socket.",
  },
  {
    uri: "qemu+ssh://admin@kvm1.example.org:2222/system",
    reaches: "another machine's libvirt over SSH; user and port may be left out",
    needs:
      "A login with the right to open libvirt's socket there. The server forwards to the socket (`AllowStreamLocalForwarding`), or has `virt-ssh-helper` (package libvirt-clients or libvirt-daemon). Its host key is known.",
  },
  {
    uri: "qemu+ssh://kvm1.example.org/system?keyfile=/home/me/.ssh/kvm&known_hosts=/home/me/kvm_hosts",
    reaches: "the same with a key and a known_hosts file of its own; `no_verify=1` checks no host key",
    needs: "Readable files.",
  },
  {
    uri: "qemu+tls://kvm1.example.org/system",
    reaches: "another machine's libvirt over TLS, port 16514 unless it is said",
    needs:
      "The daemon listens for TLS (`libvirtd-tls.socket`). A CA certificate, and a client certificate with its key: `crossvisor:caCert`, `clientCert`, `clientKey`, the folder of `pkipath=`, or libvirt's own places (`/etc/pki`, `~/.pki/libvirt`). The name in the URI stands in the host's certificate; `no_verify=1` checks neither.",
  },
  {
    uri: "qemu+tcp://kvm1.example.org/system",
    reaches: "another machine's libvirt over plain TCP, port 16509 unless it is said",
    needs: 'The daemon listens for TCP with `auth_tcp = "none"`. Nothing is protected: for closed test networks only.',
  },
  {
    uri: "test:///default",
    reaches: "libvirt's test driver: pretended machines in the daemon's memory",
    needs: "A libvirt daemon of this machine. `test+unix:///default` is the same.",
  },
  {
    uri: "test+unix:///default",
    reaches: "the same, spelled out",
    needs: "The same.",
  },
  {
    uri: "test+ssh://admin@kvm1.example.org/default",
    reaches: "the test driver of another machine's daemon",
    needs: "As for `qemu+ssh`.",
  },
  {
    uri: "test+tls://kvm1.example.org/default",
    reaches: "the same over TLS",
    needs: "As for `qemu+tls`.",
  },
  {
    uri: "test+tcp://kvm1.example.org/default",
    reaches: "the same over plain TCP",
    needs: "As for `qemu+tcp`.",
  },
];
