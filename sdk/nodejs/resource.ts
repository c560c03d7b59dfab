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
    super(
      type,
      name,
      {
        ...Object.fromEntries(facts.outputs.map((output) => [output, undefined])),
        name,
        ...given(args, facts),
        owner: `${pulumi.getProject()}/${pulumi.getStack()}`,
        __provider: stubOf(facts.kind),
        __urn: urnOf(name, type, opts),
      },
      opts,
    );
  }
}

/** The resource's URN, so that the provider can speak at it; a plain promise, because it is nothing to depend on. */
const urnOf = (name: string, type: string, opts: pulumi.CustomResourceOptions): Promise<string> =>
  new Promise((resolve) => {
    pulumi.createUrn(name, type, opts.parent).apply(resolve);
  });

const given = (args: object, facts: KindFacts): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(args)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, prepare(value, key, facts)]),
  );

/** The value with references taken and secrets marked. Only what is inside an output is unknown as long as it is. */
function prepare(value: unknown, path: string, facts: KindFacts): unknown {
  if (pulumi.Output.isInstance(value) || value instanceof Promise)
    return pulumi.output(value as pulumi.Input<string>).apply((inner: unknown) => prepare(inner, path, facts));
  const reference = facts.references[path];
  if (pulumi.CustomResource.isInstance(value)) {
    if (reference === undefined) throw new Error(`${path} must not be a resource`);
    return (value as unknown as Readonly<Record<string, unknown>>)[reference];
  }
  if (facts.secrets.includes(path)) return pulumi.secret(value);
  if (Array.isArray(value)) return value.map((item) => prepare(item, `${path}.*`, facts));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, prepare(item, `${path}.${key}`, facts)]));
}
