import { describe, expect, it } from "vitest";
import { ProviderError } from "../../core/errors.js";
import {
  append,
  attribute,
  attributeAt,
  childrenOf,
  elements,
  ensure,
  find,
  parseXml,
  removeElement,
  setText,
  sizeAt,
  textAt,
  toText,
  write,
} from "./xml.js";

const parse = (text: string) => parseXml(text, "the thing");

describe("reading", () => {
  it.each(["\ufffd", "\u2028", "\u0085"])("takes the character %j as it is, as others may have written it", (text) => {
    expect(textAt(parse(`<d><name>a ${text} b</name></d>`), "name")).toBe(`a ${text} b`);
  });

  it("gives back what it read: unknown elements, comments, CDATA, instructions, order and white space", () => {
    const text =
      '<d xmlns:q="urn:q" id="1">\n  <!-- by hand --><q:cmd q:x="1"><q:arg value="&lt;&quot;&amp;"/></q:cmd>' +
      '<?keep this?><script><![CDATA[a < b && "c"]]></script>\n\ttext &amp; tail <empty/></d>';
    expect(toText(parse(text))).toBe(text);
    expect(toText(parse(toText(parse(text))))).toBe(text);
  });

  it.each([
    ["nothing", ""],
    ["text", "text"],
    ["an open element", "<a>"],
    ["crossed ends", "<a><b></a></b>"],
    ["a value without quotes", "<a b=1/>"],
    ["a doubled attribute", "<a b='1' b='2'/>"],
    ["an unknown entity", "<a>&nope;</a>"],
    ["an entity of its own", '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'],
    ["a file as an entity", '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>'],
    ["an unknown prefix", "<x:a/>"],
    ["two roots", "<a/><b/>"],
    ["half of a document", '<domain><name>m</name><devices><disk type="fi'],
  ])("names what is broken: %s", (_word, text) => {
    let error: unknown;
    try {
      parse(text);
    } catch (refusal) {
      error = refusal;
    }
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({
      code: "failed",
      fact: expect.stringMatching(/the thing is not well-formed XML \(.+\)/),
    });
    expect((error as ProviderError).fact).not.toContain("root:");
  });

  it("takes deep and long documents", () => {
    const deep = 20_000;
    const nested = parse("<a>".repeat(deep) + "</a>".repeat(deep));
    expect(toText(nested)).toHaveLength("<a></a>".length * (deep - 1) + "<a/>".length);
    const long = parse(`<a>${'<b c="1">x</b>'.repeat(20_000)}</a>`);
    expect(childrenOf(long, "b")).toHaveLength(20_000);
  });

  it("finds elements by path, attributes and text; nothing where there is none", () => {
    const d = parse("<d><os a='1'><boot>hd</boot><boot>cd</boot></os><none/></d>");
    expect(textAt(d, "os/boot")).toBe("hd");
    expect(attributeAt(d, "os", "a")).toBe("1");
    expect(textAt(d, "none")).toBe("");
    for (const path of ["x", "os/x", "x/y/z", "none/boot"]) {
      expect(find(d, path)).toBeUndefined();
      expect(textAt(d, path)).toBeUndefined();
      expect(attributeAt(d, path, "a")).toBeUndefined();
    }
    expect(attribute(undefined, "a")).toBeUndefined();
    expect(attribute(parse("<a b=''/>"), "b")).toBe("");
    expect(elements(parse("<a>t<!--c--><b/><![CDATA[x]]><c/></a>")).map((e) => e.localName)).toEqual(["b", "c"]);
  });

  it("tells elements of different namespaces apart", () => {
    const d = parse(
      '<m xmlns:a="urn:a" xmlns:b="urn:b"><a:o n="1"/><b:o n="2"/><o n="3"/><o xmlns="urn:a" n="4"/></m>',
    );
    const numbers = (namespace?: string) => childrenOf(d, "o", namespace).map((e) => attribute(e, "n"));
    expect(numbers("urn:a")).toEqual(["1", "4"]);
    expect(numbers("urn:b")).toEqual(["2"]);
    expect(numbers()).toEqual(["1", "2", "3", "4"]);
  });

  it.each([
    ["<s>4</s>", "KiB", 4096],
    ["<s>4</s>", "bytes", 4],
    ["<s unit='bytes'>4</s>", "KiB", 4],
    ["<s unit='b'>4</s>", "KiB", 4],
    ["<s unit='KB'>4</s>", "KiB", 4000],
    ["<s unit='k'>4</s>", "bytes", 4096],
    ["<s unit='MiB'>4</s>", "KiB", 4 * 2 ** 20],
    ["<s unit='G'>4</s>", "KiB", 4 * 2 ** 30],
    ["<s unit='TiB'>4</s>", "KiB", 4 * 2 ** 40],
    ["<t/>", "KiB", undefined],
  ] as const)("reads %s, where nothing is said in %s, as %s bytes", (text, unit, bytes) => {
    expect(sizeAt(parse(`<d>${text}</d>`), "s", unit)).toBe(bytes);
  });

  it.each([
    ["<s unit='furlong'>4</s>", "4 furlong"],
    ["<s>many</s>", "many"],
    ["<s/>", ""],
    ["<s>-1</s>", "-1"],
    ["<s>1e999</s>", "1e999"],
  ])("refuses the size %s by the name of its element", (text, said) => {
    const fact = `the host's description says ${JSON.stringify(said)} in <s>, which is no number`;
    expect(() => sizeAt(parse(`<d>${text}</d>`), "s", "KiB")).toThrow(
      expect.objectContaining({ code: "failed", fact }),
    );
  });
});

describe("writing", () => {
  const hostile = "a<b>&\"'\n\t]]> ünï 漢字 🐧 &amp; $1";

  it("escapes text and attributes so that they read back equal", () => {
    const read = parse(write(["d", { a: hostile, n: 0, gone: undefined }, ["t", {}, hostile], undefined, false]));
    expect(attribute(read, "a")).toBe(hostile);
    expect(attribute(read, "n")).toBe("0");
    expect(read.hasAttribute("gone")).toBe(false);
    expect(textAt(read, "t")).toBe(hostile);
    expect(elements(read)).toHaveLength(1);
  });

  it("puts elements into the namespace of their prefix", () => {
    const read = parse(write(["m", {}, ["cv:o", { "xmlns:cv": "urn:x", a: "1" }, ["cv:p"]]]));
    const [object] = childrenOf(read, "o", "urn:x");
    expect(object && childrenOf(object, "p", "urn:x")).toHaveLength(1);
  });

  it("changes only what it is told to", () => {
    const d = parse("<d><!--c--><a x='1'>old</a><z/></d>");
    setText(d, "a", "new <");
    setText(d, "b/c", "made");
    setText(d, "z", undefined);
    setText(d, "never", undefined);
    removeElement(undefined);
    expect(ensure(d, "b/c").textContent).toBe("made");
    append(d, ["first"], find(d, "a"));
    expect(toText(d)).toBe('<d><!--c--><first/><a x="1">new &lt;</a><b><c>made</c></b></d>');
  });
});
