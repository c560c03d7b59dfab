import type { ServerVersion } from "./modules.js";

/** How long what takes time takes, in milliseconds. */
export interface Times {
  /** Starting, before Running. */
  readonly start: number;
  /** Stopping, of a guest that follows the request to shut down. */
  readonly shutdown: number;
  /** Stopping, where the power is cut. */
  readonly turnOff: number;
  readonly save: number;
  readonly pause: number;
  /** How long a removed checkpoint's disks are merged. */
  readonly merge: number;
  /** Until the host's adapter of a new switch is seen. */
  readonly adapter: number;
  /** A call that changes NetNat; a second one meanwhile meets a sharing violation. */
  readonly nat: number;
  /** `New-VHD -Fixed`. */
  readonly fixed: number;
}

/** Something that goes wrong when a command is called. */
export interface Fault {
  /** Name of the command; `*` stands for any letters. */
  readonly command: string;
  /** Before the command does anything, or after it did all of it. Default: before. */
  readonly moment?: "before" | "after";
  /** How many calls pass unharmed first. Default: none. */
  readonly skip?: number;
  /** How many calls are hit then. Default: one. */
  readonly times?: number;
  /** The call takes so much longer, in milliseconds. */
  readonly delay?: number;
  /** The session's PowerShell ends, as if it was killed. */
  readonly exit?: boolean;
  /** The call fails with this. */
  readonly error?: FaultError;
}

/** An error as PowerShell tells it. `hresult` in hexadecimal, such as `0x80070020`. */
export interface FaultError {
  readonly id: string;
  readonly category: string;
  readonly message: string;
  readonly hresult: string;
}

/** What a host is like. All of it can be changed while it runs, but for `version`, `sku`, `module`, `features`, `boot`, `adapters`. */
export interface Settings {
  readonly version: ServerVersion;
  /** A client's Windows: automatic checkpoints are on, there are no server roles. */
  readonly sku: "server" | "client";
  /** Whether the Hyper-V module is installed. */
  readonly module: "present" | "absent";
  readonly computerName: string;
  /** What the user may do: Hyper-V administrators may not change NAT and addresses. */
  readonly rights: "administrator" | "hyper-v" | "none";
  /** The service vmms. */
  readonly service: "running" | "stopped";
  /** What scripts may do, where a policy restricts them. */
  readonly languageMode: "FullLanguage" | "ConstrainedLanguage";
  /** Language of the names of integration services. */
  readonly language: "en" | "de";
  readonly defaultShell: "cmd" | "powershell";
  /** Text before the output of every command, such as a banner of a profile. */
  readonly noise: string;
  /** Commands are silently cut after so many characters; 0: as long as cmd takes them. */
  readonly commandLimit: number;
  /** Names of its network adapters; the first has the host's address. */
  readonly adapters: readonly string[];
  /** Logical processors. */
  readonly processors: number;
  /** Memory in bytes. */
  readonly memory: number;
  readonly macMinimum: string;
  readonly macMaximum: string;
  readonly machinePath: string;
  readonly diskPath: string;
  /** What a guest does when it is asked to shut down. */
  readonly shutdown: "obeys" | "hangs" | "fails";
  readonly heartbeat: "OkApplicationsUnknown" | "NoContact" | "LostCommunication";
  /** Whether guests have the daemon that reports addresses; `pairs`: one that knows the pairs alone, not the adapters. */
  readonly kvp: boolean | "pairs";
  /** Addresses of guests, by MAC (twelve digits), that nobody booted. */
  readonly addresses: readonly { readonly mac: string; readonly address: string }[];
  /** Guests take more static memory while they run. */
  readonly memoryHotPlug: boolean;
  /** What a started guest adds to the boot order, such as `\EFI\debian\shimx64.efi`; empty: nothing. */
  readonly firmwareFile: string;
  /** Installed roles besides Hyper-V, such as `DHCP`. */
  readonly features: readonly string[];
  /** State of the DHCP server, where that role is installed. */
  readonly dhcpService: "Running" | "Stopped";
  readonly excludedPorts: readonly { readonly from: number; readonly to: number }[];
  /** Windows paths of disks that another program has open. */
  readonly locked: readonly string[];
  /** Windows paths of disks that are sparse until `fsutil sparse setflag` takes the mark away. */
  readonly sparse: readonly string[];
  /** Making or removing an external switch cuts the sessions. */
  readonly cutOnExternal: boolean;
  /** Start-VM boots the disks in QEMU. Needs root and namespaces. */
  readonly boot: boolean;
  readonly times: Times;
  readonly faults: readonly Fault[];
}

/** A server of 2025 with nothing wrong, whose transitions are short. */
export const defaults: Settings = {
  version: "2025",
  sku: "server",
  module: "present",
  computerName: "HV1",
  rights: "administrator",
  service: "running",
  languageMode: "FullLanguage",
  language: "en",
  defaultShell: "cmd",
  noise: "",
  commandLimit: 0,
  adapters: ["Ethernet"],
  processors: 16,
  memory: 64 * 2 ** 30,
  macMinimum: "00155D010000",
  macMaximum: "00155D0100FF",
  machinePath: "C:\\ProgramData\\Microsoft\\Windows\\Hyper-V",
  diskPath: "C:\\Users\\Public\\Documents\\Hyper-V\\Virtual Hard Disks",
  shutdown: "obeys",
  heartbeat: "OkApplicationsUnknown",
  kvp: true,
  addresses: [],
  memoryHotPlug: true,
  firmwareFile: "",
  features: [],
  dhcpService: "Running",
  excludedPorts: [],
  locked: [],
  sparse: [],
  cutOnExternal: false,
  boot: false,
  times: { start: 20, shutdown: 20, turnOff: 0, save: 20, pause: 0, merge: 20, adapter: 20, nat: 0, fixed: 0 },
  faults: [],
};

/** The text of the file that the host's PowerShell reads. Every fault gets a number of its own: its calls are counted. */
export const settingsText = (settings: Settings, firstFault: number): string => {
  const faults = settings.faults.map((fault, i) => ({
    moment: "before",
    skip: 0,
    times: 1,
    delay: 0,
    exit: false,
    error: null,
    ...fault,
    id: firstFault + i,
  }));
  return JSON.stringify({ ...settings, faults });
};
