/** The command line: what it prints, where, and how it ends. */
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { commands } from "../../cli/commands.ts";
import { writeSafetensors } from "../../formats/safetensors.ts";
import type { Tensor } from "../../index.ts";
import { readTensors } from "../golden/cases.ts";
import { wordTokenizer } from "../runtime/word-tokenizer.ts";
import { adapt, root, startAdapt } from "./adapt.ts";

const golden = join(root, "test/fixtures/golden");
let scratch = "";
beforeAll(() => void (scratch = mkdtempSync(join(tmpdir(), "adapt-cli-"))));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const spec = (name: string, text: string): string => {
  const path = join(scratch, name);
  writeFileSync(path, text);
  return path;
};

describe("usage", () => {
  test("prints version and help", () => {
    expect(adapt(["--version"])).toMatchObject({ code: 0, out: `${manifest.version}\n`, err: "" });
    const help = adapt(["--help"]);
    expect(help.code).toBe(0);
    for (const { name } of commands) expect(help.out).toContain(`  ${name}`);
  });

  test.each(commands.map((c) => c.name))("%s has a help with an example", (name) => {
    const { code, out, err } = adapt([name, "--help"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain(`Usage: adapt ${name}`);
    expect(out).toMatch(/Examples:\n {2}adapt /);
  });

  test.each([
    [["evl"], "Did you mean eval?"],
    [["eval", "x.adapt"], "--inputs"],
    [["eval", "x.adapt", "--inputs", "a", "--outputs", "b", "--greedy", "0"], "whole number from 1"],
    [["eval", "x.adapt", "--inputs", "a", "--outputs", "b", "--device", "tpu"], "webgpu"],
    [["check", "a", "b"], "too many arguments"],
    [["run", "examples/lantern.adapt"], "--prompt TEXT or --chat"],
    [["init", "--base", "x", "--adapter", "nodir"], "NAME=DIR"],
    [["explain", "A0999"], "no diagnostic"],
    [["explain", "examples/lantern.adapt", "--print-after", "nothing"], "no pass `nothing`"],
    [["--frobnicate"], "unknown option"],
  ])("%j ends with 2", (args, text) => {
    const { code, out, err } = adapt(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(text);
  });
});

describe("a file that is no spec", () => {
  test.each([["check"], ["explain"], ["build", "-o", join(tmpdir(), "never")], ["run", "--prompt", "x"]])("is said in plain words by %s", (command, ...rest) => {
    const latin = join(scratch, "latin.adapt");
    writeFileSync(latin, Buffer.from("edition 2026\n\n// caf\xe9\nlet x = 1\n", "latin1"));
    const said = (file: string): string => {
      const { code, out, err } = adapt([command!, file, ...rest]);
      expect({ code, out }).toEqual({ code: 1, out: "" });
      return err;
    };
    expect(said(join(scratch, "nowhere.adapt"))).toContain("there is no file");
    expect(said(scratch)).toContain("is a directory");
    expect(said(latin)).toContain("is not UTF-8 text (line 3)");
  });

  test("is not written again by fmt where its bytes would be lost", () => {
    const latin = join(scratch, "lossy.adapt"), bytes = Buffer.from("edition 2026\n// caf\xe9\nlet   x = 1\n", "latin1");
    writeFileSync(latin, bytes);
    expect(adapt(["fmt", latin]).code).toBe(1);
    expect(readFileSync(latin).equals(bytes)).toBe(true);
  });
});

describe("init", () => {
  test("writes the spec that golden cases run on", () => {
    const out = join(scratch, "init.adapt");
    expect(adapt(["init", "--base", join(golden, "bases/llama"), "--adapter", `one=${join(golden, "peft/lora/adapters/default")}`, "-o", out])).toMatchObject({ code: 0, out: "" });
    expect(readFileSync(out, "utf8")).toContain("export model");
    expect(adapt(["check", out]).code).toBe(0);
    expect(adapt(["fmt", "--check", out]).code).toBe(0);
  });

  test("writes paths relative to the spec", () => {
    const out = join(scratch, "sub.adapt");
    expect(adapt(["init", "--base", "./test/fixtures/golden/bases/llama", "-o", out]).code).toBe(0);
    expect(adapt(["check", out], { cwd: tmpdir() }).code).toBe(0);
  });

  test("does not write over a file that says something else, unless it is asked to", () => {
    const out = spec("mine.adapt", "edition 2026\n\n// mine\n"), args = ["init", "--base", "./test/fixtures/golden/bases/llama", "-o", out];
    expect(adapt(args)).toMatchObject({ code: 1, err: expect.stringContaining("--force") });
    expect(readFileSync(out, "utf8")).toContain("// mine");
    expect(adapt([...args, "--force"])).toMatchObject({ code: 0, err: expect.stringContaining("adapt check") });
    expect(adapt(args).code).toBe(0);
  });

  test("refuses what is not there, with 1", () => {
    expect(adapt(["init", "--base", "./nowhere"])).toMatchObject({ code: 1, out: "" });
  });
});

describe("check and fmt", () => {
  test("shows diagnostics on standard error, plain without a terminal", () => {
    const file = spec("typo.adapt", `edition 2026\n\nbase llama = pretrained("${golden}/bases/llama")\n\nexport model m = lama\n`);
    const { code, out, err } = adapt(["check", file]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/error\[A\d{4}\]/);
    expect(err).toContain("llama");
    expect(err).not.toContain("\u001b[");
    expect(adapt(["check", file], { env: { FORCE_COLOR: "1" } }).err).toContain("\u001b[");
    expect(adapt(["check", file], { env: { FORCE_COLOR: "1", NO_COLOR: "1" } }).err).not.toContain("\u001b[");
  });

  test("gives JSON with codes and places", () => {
    const file = spec("typo2.adapt", `edition 2026\n\nbase llama = pretrained("${golden}/bases/llama")\n\nexport model m = lama\n`);
    const { code, out } = adapt(["check", file, "--json"]);
    expect(code).toBe(1);
    const found = JSON.parse(out) as { ok: boolean; diagnostics: { code: string; place: { start: { line: number; column: number } } }[] };
    expect(found.ok).toBe(false);
    expect(found.diagnostics[0]?.code).toMatch(/^A\d{4}$/);
    expect(found.diagnostics[0]?.place.start).toMatchObject({ line: 5, column: 18 });
  });

  test("formats in place, and leaves a broken file alone", () => {
    const messy = spec("messy.adapt", `edition 2026\nbase   a=pretrained( "${golden}/bases/llama" )\nexport model m=a\n`);
    expect(adapt(["fmt", "--check", messy])).toMatchObject({ code: 1, out: `${messy}\n` });
    expect(adapt(["fmt", messy]).code).toBe(0);
    expect(readFileSync(messy, "utf8")).toContain(`base a = pretrained("${golden}/bases/llama")`);
    expect(adapt(["fmt", "--check", messy])).toMatchObject({ code: 0, out: "" });
    const broken = spec("broken.adapt", "edition 2026\nbase = \n");
    expect(adapt(["fmt", broken]).code).toBe(1);
    expect(readFileSync(broken, "utf8")).toBe("edition 2026\nbase = \n");
  });

  test("the examples and the library are formatted", () => {
    expect(adapt(["fmt", "--check", "examples", "stdlib"])).toMatchObject({ code: 0, out: "" });
  });
});

describe("eval", () => {
  const file = (): string => spec("llama.adapt", `edition 2026\n\nexport base llama = pretrained("${golden}/bases/llama")\n`);
  const inputs = join(golden, "bases/llama/inputs.safetensors");

  test("does not write over its inputs, nor over a folder", () => {
    const mine = join(scratch, "mine.safetensors");
    cpSync(inputs, mine);
    expect(adapt(["eval", file(), "--inputs", mine, "--outputs", mine])).toMatchObject({ code: 2, err: expect.stringContaining("would be lost") });
    expect(adapt(["eval", file(), "--inputs", mine, "--outputs", scratch, "--device", "cpu"])).toMatchObject({ code: 1, err: expect.stringContaining(`\`${scratch}\` is a directory`) });
  });

  test("writes outputs and greedy ids, and reports the device", () => {
    const outputs = join(scratch, "out.safetensors");
    const { code, out } = adapt(["eval", file(), "--inputs", inputs, "--outputs", outputs, "--device", "cpu", "--greedy", "3", "--json"]);
    expect(code).toBe(0);
    const report = JSON.parse(out) as Record<string, unknown>;
    expect(report).toMatchObject({ model: "llama", device: "cpu" });
    expect(report.dispatches).toBeGreaterThan(0);
    expect(String(report.adapter)).not.toBe("");
    const written = readTensors(outputs);
    expect(written.logits).toMatchObject({ dtype: "f32", shape: [2, 13, 320] });
    expect(written.greedy_ids?.shape).toEqual([2, 16]);
    expect(readFileSync(outputs).toString("latin1")).toMatch(/"greedy_ids":\{"dtype":"I64"/);
    expect(readdirSync(scratch).filter((f) => f.endsWith(".part"))).toEqual([]);
  });

  test("says which inputs are missing or unread, with 1", () => {
    const wrong = join(golden, "bases/llama/expected.safetensors");
    const { code, err } = adapt(["eval", file(), "--inputs", wrong, "--outputs", join(scratch, "no.safetensors"), "--device", "reference"]);
    expect(code).toBe(1);
    expect(err).toContain("input_ids");
    expect(existsSync(join(scratch, "no.safetensors"))).toBe(false);
  });

  test("is not fooled by a file that is no safetensors", () => {
    const { code, err } = adapt(["eval", file(), "--inputs", "package.json", "--outputs", join(scratch, "no.safetensors")]);
    expect(code).toBe(1);
    expect(err).toContain("no safetensors file");
  });

  test("lists the models when there are several, with 2", () => {
    const { code, err } = adapt(["eval", "examples/lantern.adapt", "--inputs", inputs, "--outputs", join(scratch, "no.safetensors"), "--device", "reference"]);
    expect(code).toBe(2);
    for (const m of ["lantern", "lantern_scripture", "lantern_code", "lantern_cynic"]) expect(err).toContain(`--model ${m}\n`);
  });
});

describe("a model with an encoder", () => {
  const base = join(root, "test/fixtures/oracle/bases/t5-relu-old-config");

  test("prints what it writes, not the prompt", () => {
    const dir = join(scratch, "words");
    cpSync(base, dir, { recursive: true });
    writeFileSync(join(dir, "tokenizer.json"), JSON.stringify(wordTokenizer(96)));
    const text = spec("words.adapt", `edition 2026\n\nexport base words = pretrained("./words")\n`);
    const { code, out } = adapt(["run", text, "--prompt", "w7 w9 w11", "--max-tokens", "4", "--device", "cpu"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^(w\d+( |\n))+$/);
  });

  test("writes the decoder's ids without ids to score", () => {
    const text = spec("ids.adapt", `edition 2026\n\nexport base ids = pretrained(${JSON.stringify(base)})\n`);
    const { input_ids, attention_mask } = readTensors(join(base, "inputs.safetensors"));
    const given = join(scratch, "read.safetensors"), written = join(scratch, "written.safetensors");
    const i32 = (t: Tensor): { dtype: "i32"; shape: readonly number[]; data: Uint8Array } => ({ dtype: "i32", shape: t.shape, data: new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength) });
    writeFileSync(given, writeSafetensors([{ name: "input_ids", ...i32(input_ids!) }, { name: "attention_mask", ...i32(attention_mask!) }], {}));
    expect(adapt(["eval", text, "--inputs", given, "--outputs", written, "--greedy", "12", "--device", "cpu"])).toMatchObject({ code: 0, out: "" });
    expect(readTensors(written)).toEqual({ greedy_ids: readTensors(join(base, "expected.safetensors")).greedy_ids });
    expect(adapt(["eval", text, "--inputs", given, "--outputs", written, "--device", "cpu"]).err).toContain("decoder_input_ids");
  });
});

describe("run", () => {
  const options = ["--max-tokens", "6", "--device", "cpu", "--model", "lantern_scripture"];

  test("streams text and ends with tokens per second", () => {
    const { code, out, err } = adapt(["run", "examples/lantern.adapt", "--prompt", "And he said unto them,", ...options]);
    expect(code).toBe(0);
    expect(out).toMatch(/^And he said unto them,.+\n$/s);
    expect(err).toMatch(/6 tokens, [\d.]+ tokens\/s/);
  });

  test("repeats with a seed, and stops before a text", () => {
    const sampled = ["run", "examples/lantern.adapt", "--prompt", "In the", ...options, "--temperature", "1.5", "--top-k", "50", "--seed", "7"];
    expect(adapt(sampled).out).toBe(adapt(sampled).out);
    expect(adapt(["run", "examples/lantern.adapt", "--prompt", "And he said unto them,", ...options, "--stop", " "]).out.trim().split(" ").length).toBeLessThan(8);
  });

  test("reads the prompt from standard input", () => {
    expect(adapt(["run", "examples/lantern.adapt", "--prompt", "-", ...options], { input: "In the" }).out).toMatch(/^In the/);
  });

  test("stops at Ctrl-C with 130 and what it has", async () => {
    const child = startAdapt(["run", "examples/lantern.adapt", "--prompt", "In the", "--model", "lantern", "--device", "reference", "--max-tokens", "100000"]);
    let out = "";
    child.stdout.on("data", (data: Buffer) => {
      if (out === "") setTimeout(() => child.kill("SIGINT"), 300);
      out += data.toString();
    });
    const code = await new Promise((done) => child.on("exit", done));
    expect(code).toBe(130);
    expect(out).toMatch(/^In the/);
  });

  test("ends quietly when the reader goes away", async () => {
    const child = startAdapt(["run", "examples/lantern.adapt", "--prompt", "In the", "--model", "lantern", "--device", "reference", "--max-tokens", "100000"]);
    let err = "";
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await new Promise((done) => child.on("exit", done))).toBe(0);
    expect(err).not.toMatch(/error|bug/i);
  });
});

describe("build", () => {
  test("writes a folder that runs from another place", () => {
    const folder = join(scratch, "plan");
    expect(adapt(["build", "examples/lantern.adapt", "-o", folder])).toMatchObject({ code: 0 });
    expect(readdirSync(folder).sort()).toEqual(["kernels.wasm", "plan.json"]);
    const { code, out } = adapt(["run", folder, "--model", "lantern_code", "--prompt", "if (", "--max-tokens", "4", "--device", "cpu"], { cwd: scratch });
    expect(code).toBe(0);
    expect(out).toMatch(/^if \(/);
  });

  test("does not fill somebody else's folder", () => {
    expect(adapt(["build", "examples/lantern.adapt", "-o", "examples"])).toMatchObject({ code: 1 });
  });
});

test("a model that writes no text says so, and what to do", () => {
  const out = join(scratch, "classifier.adapt");
  adapt(["init", "--base", join(golden, "bases/vit"), "-o", out]);
  const run = adapt(["run", out, "--prompt", "A photo of", "--device", "reference"]);
  expect(run).toMatchObject({ code: 1, out: "" });
  expect(run.err).toMatch(/A0717[\s\S]*`image_classification`[\s\S]*adapt eval/);
  expect(adapt(["explain", out]).out).toContain("a pass over one row");
});

describe("explain and devices", () => {
  test("explains a code and a spec", () => {
    expect(adapt(["explain", "a0301"]).out).toMatch(/^# A0301/);
    const { code, out } = adapt(["explain", "examples/lantern.adapt", "--model", "lantern_code"]);
    expect(code).toBe(0);
    for (const text of ["LoRA(rank: 16", "self_attn.q_proj", "foldable", "parameters", "FLOP", "dispatches"]) expect(out).toContain(text);
    expect((JSON.parse(adapt(["explain", "examples/lantern.adapt", "--json"]).out) as { models: unknown[] }).models).toHaveLength(4);
  });

  test("prints the graph after a pass", () => {
    const names = adapt(["explain", "examples/lantern.adapt", "--print-after", "list"]).out.trim().split("\n");
    expect(names).toContain("elaborate");
    for (const name of names) expect(adapt(["explain", "examples/lantern.adapt", "--model", "lantern", "--print-after", name]).out).toContain(`after ${name}`);
  });

  test("lists the devices and what auto takes", () => {
    const { code, out } = adapt(["devices"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^webgpu .*\ncpu .*\nreference .*\nauto .*\n$/);
    expect((JSON.parse(adapt(["devices", "--json"]).out) as { device: string }[]).map((d) => d.device)).toEqual(["webgpu", "cpu", "reference", "auto"]);
  });
});

test("a missing file is the user's, a fault of ours writes a report", () => {
  expect(adapt(["run", "nowhere.adapt", "--prompt", "x"])).toMatchObject({ code: 1 });
  const file = spec("bug.adapt", "edition 2026\n");
  const hook = join(scratch, "broken.mjs");
  writeFileSync(hook, `import fs from "node:fs"; import { syncBuiltinESMExports } from "node:module";
const read = fs.readFileSync; fs.readFileSync = (path, ...rest) => { if (String(path).endsWith("bug.adapt") && fs.readFileSync.broken !== false) { fs.readFileSync.broken = false; throw new Error("injected"); } return read(path, ...rest); };
syncBuiltinESMExports();`);
  const { code, err } = adapt(["fmt", file], { env: { NODE_OPTIONS: `--import ${hook}` } });
  expect(code).toBe(70);
  expect(err).toContain("adapt-bug.md");
  expect(readFileSync(join(scratch, "adapt-bug.md"), "utf8")).toMatch(/injected[\s\S]*edition 2026/);
});
