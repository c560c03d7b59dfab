import { describe, expect, it } from "vitest";
import { kind } from "../../core/kind.js";
import { bytes, choice, flag, integer, list, map, object, seconds, text } from "../../core/schema.js";
import { reference } from "./reference.js";

const item = object({ name: text({ doc: "Its name.", required: true }) }, { doc: "One." });
const Thing = kind({
  name: "Thing",
  title: "thing",
  doc: "A thing.",
  properties: {
    owner: text({ doc: "Nobody writes this.", default: "" }),
    name: text({ doc: "Its name.", required: true, onChange: "replace" }),
    size: bytes({ doc: "Its size.", default: "2GiB", onChange: "restart" }),
    mode: choice(["a", "b"], { doc: "How.", default: "a" }),
    parts: list(item, { doc: "Its parts.", default: [], key: { field: "name", prefix: "part" }, onChange: "restart" }),
    key: text({ doc: "Its key. Default: its name.", required: true }),
    tags: map(text({ doc: "A tag." }), { doc: "Its tags." }),
    base: text({ doc: "What is under it.", reference: { kind: "Thing", output: "id" } }),
    word: text({ doc: "The word.", secret: true }),
    wait: object({ time: seconds({ doc: "How long.", default: 60 }) }, { doc: "Waits.", policy: true }),
  },
  outputs: {
    size: bytes({ doc: "Also an input." }),
    here: flag({ doc: "Is it?" }),
    count: integer({ doc: "How many." }),
  },
});

describe("the reference", () => {
  it("tells all that a kind says, and nothing that no user writes", () => {
    expect(reference([Thing])).toBe(`### Thing

A thing.

| property | type | default | a change | |
|---|---|---|---|---|
| \`name\` | text | required | replace | Its name. |
| \`size\` | bytes, or text such as \`2GiB\` | \`2GiB\` | restart | Its size. |
| \`mode\` | \`a\`, \`b\` | \`a\` | live | How. |
| \`parts\` | list of objects |  | restart | Its parts. |
| \`parts[].name\` | text | required | restart | Its name. |
| \`key\` | text |  | live | Its key. Default: its name. |
| \`tags\` | map of texts |  | live | Its tags. |
| \`base\` | a Thing, or text |  | live | What is under it. |
| \`word\` | text |  | live | The word. Kept secret. |
| \`wait\` | object |  | nothing | Waits. |
| \`wait.time\` | seconds, or text such as \`2m\` | \`60\` | nothing | How long. |

| output | type | |
|---|---|---|
| \`here\` | boolean | Is it? |
| \`count\` | integer | How many. |
`);
  });
});
