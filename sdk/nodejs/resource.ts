import * as pulumi from "@pulumi/pulumi";

/** What the generated classes say of their kind. */
export interface KindFacts {
  /** Class name: "VirtualMachine". */
  readonly kind: string;
  /** Outputs that no argument gives. */
  readonly outputs: readonly string[];
  /** Where a resource may stand, and the output that is taken of it: `disks.*.volume` -> `path`. */
  readonly references: Readonly<Record<string, string>>;
  /** What is never shown: `cloudInit.userData`. */
  readonly secrets: readonly string[];
}

/** Type token of a kind. The part before the slash is Pulumi's: its dynamic provider process serves the resource. */
export const typeOf = (kind: string): string => `pulumi-nodejs:dynamic/crossvisor:${kind}`;

/** The code that leads Pulumi from a state file to the installed package. State files keep it: stable for ever. */
export const stubOf = (kind: string): string =>
  `exports.handler = () => require("crossvisor/runtime").provider("${kind}");`;

/** What all resources of this package are. */
export abstract class HostResource extends pulumi.CustomResource {
  protected constructor(facts: KindFacts, name: string, args: object, opts: pulumi.CustomResourceOptions = {}) {
    const type = typeOf(facts.kind);
    if (opts.import !== undefined) throw new pulumi.RunError(importRefusal(facts.kind, name));
    const urn = urnOf(name, type, opts);
    super(
      type,
      name,
      {
        ...Object.fromEntries(facts.outputs.map((output) => [output, undefined])),
        name,
        ...given(args, facts),
        owner: urn.then((known) => ownerOf(known, name, type)),
        __provider: stubOf(facts.kind),
        __urn: urn,
      },
      opts,
    );
  }
}

/** An import asks Pulumi's dynamic provider process without the code that leads it here, and it stumbles over that. */
const importRefusal = (kind: string, name: string): string =>
  `${kind} "${name}": Pulumi's option "import" cannot reach this provider. Name what shall be taken over with the property adopt instead, or have the program written by "crossvisor import".`;

/** The resource's URN, so that the provider can speak at it; a plain promise, because it is nothing to depend on. */
const urnOf = (name: string, type: string, opts: pulumi.CustomResourceOptions): Promise<string> =>
  new Promise((resolve) => {
    pulumi.createUrn(name, type, opts.parent).apply(resolve);
  });

/**
 * Whose an object is: the project, the stack and the resource, with the types of the components it stands in. Another
 * resource of the same stack is somebody else: when a resource is renamed without an alias, Pulumi makes the new one
 * before it deletes the old one, and both would mean the same object.
 */
const ownerOf = (urn: string, name: string, type: string): string => {
  const types =
    urn
      .slice(0, urn.length - `::${name}`.length)
      .split("::")
      .at(-1) ?? type;
  const parents = types
    .slice(0, -type.length)
    .split("$")
    .filter((one) => one !== "");
  return [pulumi.getProject(), pulumi.getStack(), ...parents, name].join("/");
};

/** Where the walk is, and what it collects. */
interface Walk {
  readonly facts: KindFacts;
  /** The resources that stand for a value, by its place; a value inside an output is not reached. */
  readonly references: Record<string, { readonly id: pulumi.Output<string>; readonly host: unknown }>;
}

/** The arguments with references taken and secrets marked, and the references, which the provider resolves at preview. */
function given(args: object, facts: KindFacts): Record<string, unknown> {
  const walk: Walk = { facts, references: {} };
  const fields = Object.entries(args)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, prepare(value, key, key, walk)]);
  const { references } = walk;
  return {
    ...Object.fromEntries(fields),
    ...(Object.keys(references).length === 0 ? {} : { __references: references }),
  };
}

/** Only what is inside an output is unknown as long as it is. `path` is `place` with `*` for each index. */
function prepare(value: unknown, path: string, place: string, walk: Walk): unknown {
  if (pulumi.Output.isInstance(value) || value instanceof Promise) {
    const inside: Walk = { ...walk, references: {} };
    return pulumi.output(value as pulumi.Input<string>).apply((inner: unknown) => prepare(inner, path, place, inside));
  }
  if (pulumi.CustomResource.isInstance(value)) return referenced(value, path, place, walk);
  if (walk.facts.secrets.includes(path)) return pulumi.secret(value);
  if (Array.isArray(value)) return value.map((item, i) => prepare(item, `${path}.*`, `${place}.${i}`, walk));
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([key, item]) => [
    key,
    prepare(item, `${path}.${key}`, `${place}.${key}`, walk),
  ]);
  return Object.fromEntries(fields);
}

/** A preview knows the id of what is changed in place, but none of its outputs: the provider can ask the host. */
function referenced(value: pulumi.CustomResource, path: string, place: string, { facts, references }: Walk): unknown {
  const output = facts.references[path];
  if (output === undefined) throw new Error(`${place} must not be a resource`);
  const outputs = value as unknown as Readonly<Record<string, unknown>>;
  references[place] = { id: value.id, host: outputs["host"] };
  return outputs[output];
}
