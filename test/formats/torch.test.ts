import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { PickleFault, readPickle } from "../../formats/pickle.ts";
import { readHeader, type HeaderProblem } from "../../formats/safetensors.ts";
import { readTorch, type TorchHeader } from "../../formats/torch.ts";
import type { ReadBytes } from "../../formats/zip.ts";
import { memoryFiles, type Directory } from "../../runtime/checkpoint/files.ts";
import { readTensor } from "../../runtime/checkpoint/weights.ts";

const oracle = new URL("../fixtures/oracle/torch-files/", import.meta.url);
const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, oracle)));
const readerOf = (file: Uint8Array): ReadBytes => async (begin, length) => {
  if (begin < 0 || begin + length > file.byteLength) throw new Error(`reads bytes ${begin} to ${begin + length} of ${file.byteLength}`);
  return file.slice(begin, begin + length);
};
const open = (file: Uint8Array): Promise<TorchHeader | HeaderProblem> => readTorch(readerOf(file), file.byteLength);

it.each(["new.bin", "old.bin", "plain-dict.bin"])("reads the tensors of %s as PyTorch does", async (name) => {
  const expected = readHeader(bytesOf("expected.safetensors"));
  const found = await open(bytesOf(name));
  if ("problem" in found || "problem" in expected) throw new Error(JSON.stringify([found, expected]));
  expect(found.tensors.map((t) => t.name).sort()).toEqual(expected.tensors.map((t) => t.name).sort());
  const files = await memoryFiles({ d: { [name]: bytesOf(name), e: bytesOf("expected.safetensors") } }).open("d") as Directory;
  for (const t of expected.tensors) {
    const own = found.tensors.find((x) => x.name === t.name)!;
    expect([own.dtype, own.shape]).toEqual([t.dtype, t.shape]);
    expect([...(await readTensor(files, { ...own, file: name }))]).toEqual([...(await readTensor(files, { ...t, file: "e" }))]);
  }
});

// What no honest program writes. Entries are `[name, data]`; the rest of the archive is right unless a change says otherwise.

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const join = (parts: readonly (Uint8Array | readonly number[])[]): Uint8Array => Uint8Array.from(parts.flatMap((p) => [...p]));
const u16 = (n: number): number[] => [n & 255, n >> 8];
const u32 = (n: number): number[] => [n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24];

interface Odd { readonly method?: number; readonly flags?: number; readonly size?: number; readonly localAt?: number; readonly localName?: string; readonly count?: number; readonly directoryAt?: number }
function zip(entries: readonly (readonly [string, Uint8Array])[], odd: Odd = {}): Uint8Array {
  const local: Uint8Array[] = [], directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, data] of entries) {
    const size = odd.size ?? data.byteLength;
    const fields = [...u16(20), ...u16(odd.flags ?? 0), ...u16(odd.method ?? 0), ...u32(0), ...u32(0), ...u32(size), ...u32(size), ...u16(text(name).length)];
    const one = join([u32(0x04034b50), fields, u16(0), text(odd.localName ?? name), data]);
    directory.push(join([u32(0x02014b50), u16(20), fields, u16(0), u16(0), u16(0), u16(0), u32(0), u32(odd.localAt ?? at), text(name)]));
    local.push(one);
    at += one.byteLength;
  }
  const list = join(directory);
  return join([...local, list, u32(0x06054b50), u16(0), u16(0), u16(odd.count ?? entries.length), u16(odd.count ?? entries.length), u32(list.byteLength), u32(odd.directoryAt ?? at), u16(0)]);
}

const word = (s: string): number[] => [0x58, ...u32(text(s).length), ...text(s)];
const global = (module: string, name: string): number[] => [0x63, ...text(`${module}\n${name}\n`)];
const long = (n: number): number[] => [0x4a, ...u32(n)];
interface Given { readonly key?: string; readonly count?: number; readonly offset?: number; readonly shape?: readonly number[]; readonly strides?: readonly number[]; readonly storage?: string }
const tensor = (g: Given = {}): number[] => [
  ...global("torch._utils", "_rebuild_tensor_v2"), 0x28,
  0x28, ...word("storage"), ...global("torch", g.storage ?? "FloatStorage"), ...word(g.key ?? "0"), ...word("cpu"), ...long(g.count ?? 4), 0x74, 0x51,
  ...long(g.offset ?? 0), 0x28, ...(g.shape ?? [2, 2]).flatMap(long), 0x74, 0x28, ...(g.strides ?? [2, 1]).flatMap(long), 0x74,
  0x89, ...global("collections", "OrderedDict"), 0x29, 0x52, 0x74, 0x52,
];
const dictionary = (value: readonly number[]): Uint8Array => Uint8Array.from([0x80, 2, 0x7d, ...word("w"), ...value, 0x73, 0x2e]);
const archive = (pickle: Uint8Array, odd: Odd = {}, more: readonly (readonly [string, Uint8Array])[] = []): Uint8Array =>
  zip([["a/data.pkl", pickle], ["a/data/0", new Uint8Array(16)], ...more], odd);

it("reads a plain archive", async () => {
  const found = await open(archive(dictionary(tensor())));
  expect(found).toMatchObject({ tensors: [{ name: "w", dtype: "f32", shape: [2, 2] }] });
});

it.each<readonly [string, Uint8Array, HeaderProblem["problem"], RegExp]>([
  ["a function that is no part of a tensor", archive(dictionary([...global("os", "system"), ...word("rm"), 0x85, 0x52])), "bad_pickle", /names `os.system`/],
  ["a function of builtins", archive(dictionary([...global("builtins", "eval"), ...word("1"), 0x85, 0x52])), "bad_pickle", /names `builtins.eval`/],
  ["a name on the stack", archive(dictionary([...word("os"), ...word("system"), 0x93])), "bad_pickle", /names `os.system`/],
  ["a name that an object has by inheritance", archive(dictionary(global("torch", "constructor"))), "bad_pickle", /torch.constructor/],
  ["an object of a class", archive(dictionary([...global("collections", "OrderedDict"), 0x29, 0x81])), "bad_pickle", /instruction 0x81/],
  ["an instance in the old way", archive(dictionary([0x28, 0x69, ...text("os\nsystem\n")])), "bad_pickle", /instruction 0x69/],
  ["a number from the registry of extensions", archive(dictionary([0x82, 1])), "bad_pickle", /instruction 0x82/],
  ["state of an object", archive(dictionary([0x7d, 0x7d, ...word("__class__"), 0x4e, 0x73, 0x62])), "bad_pickle", /sets attributes/],
  ["a value that is no tensor", archive(dictionary(word("x"))), "bad_pickle", /`w` is no tensor/],
  ["a list", archive(Uint8Array.from([0x80, 2, 0x5d, 0x2e])), "bad_pickle", /no dictionary/],
  ["a call of a text", archive(dictionary([...word("x"), 0x29, 0x52])), "bad_pickle", /no function/],
  ["a pop of nothing", archive(Uint8Array.from([0x80, 2, 0x30, 0x2e])), "bad_pickle", /not there/],
  ["a memo that is not there", archive(dictionary([0x68, 7])), "bad_pickle", /recalls value 7/],
  ["a pickle without an end", archive(dictionary(tensor()).slice(0, -1)), "truncated", /inside an instruction/],
  ["a text beyond the end", archive(Uint8Array.from([0x80, 2, 0x58, 255, 255, 255, 127])), "truncated", /inside an instruction/],
  ["protocol 0", archive(Uint8Array.from(text("I1\n."))), "bad_pickle", /instruction/],
  ["a storage of packed numbers", archive(dictionary(tensor({ storage: "QInt8Storage" }))), "bad_dtype", /QInt8Storage/],
  ["a storage that is not there", archive(dictionary(tensor({ key: "9" }))), "out_of_file", /storage 9/],
  ["a storage that claims too much", archive(dictionary(tensor({ count: 2e9, shape: [2e9], strides: [1] }))), "truncated", /claims 2000000000/],
  ["a tensor beyond its storage", archive(dictionary(tensor({ shape: [2, 3], strides: [3, 1] }))), "out_of_file", /element 6 of a storage of 4/],
  ["an offset beyond its storage", archive(dictionary(tensor({ offset: 1 }))), "out_of_file", /element 5/],
  ["a shape no memory holds", archive(dictionary(tensor({ shape: [2e9, 2e9], strides: [0, 0] }))), "out_of_file", /too many/],
  ["one element repeated a billion times", archive(dictionary(tensor({ shape: [1e9], strides: [0] }))), "overlap", /repeat/],
  ["negative strides", archive(dictionary(tensor({ strides: [-1, 1] }))), "bad_pickle", /no shape/],
  ["a compressed entry", archive(dictionary(tensor()), { method: 8 }), "bad_archive", /compressed/],
  ["an encrypted entry", archive(dictionary(tensor()), { flags: 1 }), "bad_archive", /encrypted/],
  ["entries larger than the file", archive(dictionary(tensor()), { size: 1e9 }), "out_of_file", /1000/],
  ["an entry beyond the archive", archive(dictionary(tensor()), { localAt: 1e6 }), "out_of_file", /1000000/],
  ["entries in one place", archive(dictionary(tensor()), { localAt: 0 }), "bad_archive", /another name/],
  ["another name at the data", archive(dictionary(tensor()), { localName: "a/data.pxl" }), "bad_archive", /another name/],
  ["more entries than there are", archive(dictionary(tensor()), { count: 60000 }), "bad_archive", /60000 entries and holds 2/],
  ["a directory beyond the file", archive(dictionary(tensor()), { directoryAt: 5e8 }), "out_of_file", /beyond its end/],
  ["a path that leaves the archive", archive(dictionary(tensor()), {}, [["../x", text("x")]]), "outside_directory", /"..\/x"/],
  ["an absolute path", archive(dictionary(tensor()), {}, [["/etc/x", text("x")]]), "outside_directory", /"\/etc\/x"/],
  ["a drive", archive(dictionary(tensor()), {}, [["c:\\x", text("x")]]), "outside_directory", /c:/],
  ["a name twice", archive(dictionary(tensor()), {}, [["a/data/0", text("x")]]), "duplicate", /twice/],
  ["two pickles", archive(dictionary(tensor()), {}, [["b/data.pkl", text("x")]]), "bad_archive", /two/],
  ["an archive of something else", zip([["a/x", text("x")]]), "bad_archive", /no `data.pkl`/],
  ["a script", archive(dictionary(tensor()), {}, [["a/constants.pkl", text("x")]]), "bad_pickle", /TorchScript/],
  ["numbers with the other end first", archive(dictionary(tensor()), {}, [["a/byteorder", text("big")]]), "bad_archive", /big-endian/],
  ["an archive cut short", archive(dictionary(tensor())).slice(0, -30), "truncated", /cut short/],
  ["an old file cut short", bytesOf("old.bin").slice(0, 900), "truncated", /inside/],
  ["old storages cut short", bytesOf("old.bin").slice(0, -8), "truncated", /storage/],
  ["a text", text("hello, world; this is no checkpoint"), "bad_archive", /neither/],
  ["nothing", new Uint8Array(0), "bad_archive", /neither/],
])("refuses %s", async (_, file, problem, detail) => {
  expect(await open(file)).toMatchObject({ problem, detail: expect.stringMatching(detail) });
});

it("ends for every change of a byte and every length", async () => {
  for (const name of ["new.bin", "old.bin"]) {
    const good = bytesOf(name).slice(0, 60_000);
    for (let i = 0; i < good.byteLength; i += 7) {
      const changed = good.slice();
      changed[i] = changed[i]! ^ (1 << i % 8);
      expect(await open(changed)).toBeTypeOf("object");
      if (i % 5 === 0) expect(await open(good.slice(0, i))).toHaveProperty("problem");
    }
  }
});

it("keeps a pickle that refers to itself finite", () => {
  expect(readPickle(Uint8Array.from([0x80, 2, 0x5d, 0x71, 0, 0x68, 0, 0x61, 0x2e])).value).toHaveProperty("kind", "list");
  expect(() => readPickle(Uint8Array.from([0x2e]))).toThrow(PickleFault);
});
