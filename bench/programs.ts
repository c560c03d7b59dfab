/** The same machines in the words of both sides: one network, and `n` running machines with one interface each. */
export const pulumiMachines = (n: number): string => `
const network = new crossvisor.Network("bench", { name: "pu", cidr: "10.98.0.0/16" });
for (let i = 0; i < ${n}; i++)
  new crossvisor.VirtualMachine("pu-" + i, {
    memory: "32MiB", firmware: "bios", acceleration: "none", networks: [{ network }],
    shutdown: { method: "acpi", timeout: 1, onTimeout: "force" },
  });`;

export const terraformMachines = (n: number): string => `
resource "libvirt_network" "bench" {
  name      = "tf"
  mode      = "nat"
  addresses = ["10.77.0.0/16"]
}
resource "libvirt_domain" "bench" {
  count  = ${n}
  name   = "tf-\${count.index}"
  memory = 32
  vcpu   = 1
  machine = "pc"
  network_interface {
    network_id = libvirt_network.bench.id
  }
}`;

/** What each engine takes for itself: as many resources as large as a machine, whose provider asks nobody. */
export const pulumiFloor = (n: number): string => `
const provider = {
  create: async (inputs) => ({ id: inputs.name, outs: inputs }),
  read: async (id, props) => ({ id, props }),
};
class Nothing extends pulumi.dynamic.Resource {
  constructor(name, props) {
    super(provider, name, props);
  }
}
const words = Object.fromEntries(Array.from({ length: 22 }, (_, i) => ["word" + i, "value " + i]));
for (let i = 0; i < ${n}; i++) new Nothing("n" + i, { name: "n" + i, ...words, list: [{ a: "1", b: "2", c: true }] });`;

export const terraformFloor = (n: number): string => `
resource "terraform_data" "floor" {
  count = ${n}
  input = { ${Array.from({ length: 22 }, (_, i) => `word${i} = "value ${i}"`).join(", ")} }
}`;
