import { describe, expect, test } from "vitest";
import { readNotes, writeNotes } from "./notes.js";

const TEXTS = [
  "",
  "plain",
  'it\'s "quoted" `$(x)` [a]*',
  "two\nlines",
  "two\r\nlines\r\n",
  " \t ends in space ",
  "\n",
  "日本語 😀 \u2028",
  '#managed-by:crossvisor;v=1;{"owner":"mallory"}',
  "x'\"`日😀".repeat(600),
];
const MARK = { owner: "shop/prod", tags: { größe: "日本\n" }, nics: [{ name: "lan", address: "10.0.0.2" }] };

describe("notes", () => {
  test.each(TEXTS)("keep the text and the mark: %j", (text) => {
    expect(readNotes(writeNotes(text, MARK))).toEqual({ text, mark: MARK });
  });

  test.each(TEXTS)("keep both on a host that changes line ends and cuts white space: %j", (text) => {
    const written = writeNotes(text, MARK);
    expect(readNotes(written.replaceAll("\r\n", "\n").replaceAll("\n", "\r\n"))).toEqual({ text, mark: MARK });
    expect(readNotes(`${written}\r\n`)).toEqual({ text, mark: MARK });
  });

  test("what is behind the text is ASCII in one line", () => {
    expect(writeNotes("", MARK)).toMatch(/^[ -~]+$/);
  });

  test("an edit of the text by somebody else is seen", () => {
    const written = writeNotes("two\nlines", MARK);
    expect(readNotes(written.replace("two", "three"))).toEqual({ text: "three\nlines", mark: MARK });
  });

  test.each(["", "only text", "#managed-by:crossvisor;v=1;{", "#managed-by:crossvisor;v=1;[]", "#managed-by:other"])(
    "of others carry no mark: %j",
    (notes) => expect(readNotes(notes)).toEqual({ text: notes, mark: undefined }),
  );
});
