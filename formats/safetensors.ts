/**
 * safetensors files: eight bytes with the length of the header, the header as JSON, then the data of all tensors
 * without a gap. The header is checked completely before anyone allocates by it. Format: the safetensors README
 * of Hugging Face; like its reader, holes and bytes that no tensor owns are refused.
 */
import type { StorageType } from "../ir/graph.ts";
import type { CheckpointProblem } from "./checkpoint.ts";
import { duplicateKey } from "./json.ts";
import { encode, safetensorsNames, storageOf, storageWidth } from "./storage.ts";

/** Longest header accepted, in bytes; the limit of the reference implementation. */
export const maxHeaderBytes = 100_000_000;

/** Where a tensor is: `begin` and `end` are bytes from the start of the file. */
export interface TensorSlice {
  readonly name: string;
  readonly dtype: StorageType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly tensors: readonly TensorSlice[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** A problem of one file; whoever opened it adds the paths. */
export type HeaderProblem = Pick<CheckpointProblem, "problem" | "tensor" | "detail">;

export function isProblem<T extends object>(x: T | HeaderProblem): x is HeaderProblem {
  return "problem" in x;
}

/** Length of the header in bytes, from the first eight bytes of a file of `fileSize` bytes. */
export function headerLength(first: Uint8Array, fileSize: number): { readonly length: number } | HeaderProblem {
  if (fileSize < 8 || first.byteLength < 8)
    return { problem: "truncated", detail: `the file has ${bytes(fileSize)}; a safetensors file begins with the 8 bytes of its header's length` };
  const view = new DataView(first.buffer, first.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > maxHeaderBytes)
    return { problem: "bad_header", detail: `the header claims ${bytes(length)}, more than the limit of ${bytes(maxHeaderBytes)}` };
  if (length < 2) return { problem: "bad_header", detail: `the header claims ${bytes(length)}, which holds no JSON object` };
  if (8 + length > fileSize)
    return { problem: "truncated", detail: `the header ends at byte ${8 + length} and the file at byte ${fileSize}` };
  return { length };
}

/** Checks the header's bytes (without the eight of the length) against a file of `fileSize` bytes. Never throws. */
export function parseHeader(header: Uint8Array, fileSize: number): SafetensorsHeader | HeaderProblem {
  let text: string, root: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(header);
    root = JSON.parse(text);
  } catch {
    return { problem: "bad_header", detail: "the header is not JSON in UTF-8" };
  }
  if (!isObject(root)) return { problem: "bad_header", detail: "the header is not a JSON object" };
  const twice = duplicateKey(text);
  if (twice !== undefined) return { problem: "duplicate", tensor: twice, detail: `the header names \`${twice}\` twice` };

  const dataStart = 8 + header.byteLength;
  const tensors: TensorSlice[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(root)) {
    if (name === "__metadata__") {
      if (!isObject(entry) || Object.values(entry).some((v) => typeof v !== "string"))
        return { problem: "bad_header", detail: "`__metadata__` is not an object of strings" };
      metadata = entry as Record<string, string>;
      continue;
    }
    const slice = readEntry(name, entry, dataStart);
    if (isProblem(slice)) return slice;
    tensors.push(slice);
  }
  return checkLayout(tensors, dataStart, fileSize) ?? { tensors, metadata };
}

/** Reads header and checks of a whole file in memory; for small files and tests. */
export function readHeader(file: Uint8Array): SafetensorsHeader | HeaderProblem {
  const length = headerLength(file.subarray(0, 8), file.byteLength);
  return isProblem(length) ? length : parseHeader(file.subarray(8, 8 + length.length), file.byteLength);
}

function readEntry(name: string, entry: unknown, dataStart: number): TensorSlice | HeaderProblem {
  const wrong = (detail: string, problem: HeaderProblem["problem"] = "bad_header"): HeaderProblem => ({ problem, tensor: name, detail });
  if (!isObject(entry)) return wrong("its entry in the header is not an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  const type = typeof dtype === "string" ? storageOf(dtype) : undefined;
  if (!type) return wrong(`dtype ${JSON.stringify(dtype) ?? "missing"} is not one of ${Object.values(safetensorsNames).join(", ")}`, "bad_dtype");
  if (!Array.isArray(shape) || !shape.every(isCount)) return wrong("its shape is not a list of whole numbers");
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    return wrong("its data offsets are not two whole numbers");
  const [begin, end] = offsets as [number, number];
  if (end < begin) return wrong(`its data ends at ${end}, before it begins at ${begin}`);
  const size = (shape as number[]).reduce((a, b) => a * b, storageWidth[type]);
  if (!Number.isSafeInteger(size)) return wrong(`its shape [${shape.join(", ")}] has too many elements`);
  if (size !== end - begin)
    return wrong(`shape [${shape.join(", ")}] of ${safetensorsNames[type]} takes ${bytes(size)}, and its offsets give ${bytes(end - begin)}`);
  return { name, dtype: type, shape: shape as number[], begin: dataStart + begin, end: dataStart + end };
}

/** No overlap, no hole, nothing outside the file, nothing in the file that no tensor owns. */
function checkLayout(tensors: readonly TensorSlice[], dataStart: number, fileSize: number): HeaderProblem | undefined {
  const sorted = [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = dataStart;
  let hole: HeaderProblem | undefined;
  for (const t of sorted) {
    if (t.begin < at)
      return { problem: "overlap", tensor: t.name, detail: `its data begins at byte ${t.begin}, inside the tensor before it, which ends at byte ${at}` };
    if (t.begin > at) {
      if (t.end > fileSize)
        return { problem: "out_of_file", tensor: t.name, detail: `its data lies at bytes ${t.begin} to ${t.end}, and the file ends at byte ${fileSize}` };
      hole ??= { problem: "bad_header", tensor: t.name, detail: `bytes ${at} to ${t.begin} before its data belong to no tensor` };
    }
    at = t.end;
  }
  if (hole) return hole;
  const cut = sorted.find((t) => t.end > fileSize);
  if (cut)
    return { problem: "truncated", tensor: cut.name, detail: `the header describes ${bytes(at)} and the file has ${bytes(fileSize)}` };
  if (at < fileSize) return { problem: "bad_header", detail: `the last ${bytes(fileSize - at)} of the file belong to no tensor` };
  return undefined;
}

/** A tensor to write: `data` is its bytes, or numbers to be converted to `dtype`. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: StorageType;
  readonly shape: readonly number[];
  readonly data: Uint8Array | ArrayLike<number>;
}

/** Length and header (padded with spaces to a multiple of 8) of a file with these tensors, in this order. */
export function writeHeader(
  tensors: readonly Omit<TensorToWrite, "data">[], metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries: [string, unknown][] = Object.keys(metadata).length ? [["__metadata__", metadata]] : [];
  let at = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = at + shape.reduce((a, b) => a * b, storageWidth[dtype]);
    entries.push([name, { dtype: safetensorsNames[dtype], shape, data_offsets: [at, end] }]);
    at = end;
  }
  const json = new TextEncoder().encode(`{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const out = new Uint8Array(8 + length).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(json, 8);
  return out;
}

/** A whole file. Throws RangeError when data and shape disagree. */
export function writeSafetensors(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const parts = [writeHeader(tensors, metadata)];
  for (const t of tensors) {
    const data = t.data instanceof Uint8Array && t.dtype !== "u8" ? t.data : encode(t.dtype, t.data as ArrayLike<number>);
    const size = t.shape.reduce((a, b) => a * b, storageWidth[t.dtype]);
    if (data.byteLength !== size) throw new RangeError(`tensor ${t.name}: ${data.byteLength} bytes of data for ${size} bytes of shape`);
    parts.push(data);
  }
  const out = new Uint8Array(parts.reduce((n, p) => n + p.byteLength, 0));
  let at = 0;
  for (const p of parts) out.set(p, at), (at += p.byteLength);
  return out;
}

/** 64-bit fingerprint of a header and the size of its file, 16 hex digits. It finds changes; it is no defence. */
export function headerHash(header: Uint8Array, fileSize: number): string {
  let a = 0x811c9dc5 ^ fileSize, b = 0x9747b28c ^ Math.floor(fileSize / 2 ** 32);
  for (let i = 0; i < header.length; i++) {
    a = Math.imul(a ^ header[i]!, 0x01000193);
    b = Math.imul(b ^ header[i]!, 0x5bd1e995);
    b ^= b >>> 15;
  }
  return [a, b].map((x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
}

const isObject = (x: unknown): x is Record<string, unknown> => typeof x === "object" && x !== null && !Array.isArray(x);
const isCount = (x: unknown): x is number => typeof x === "number" && Number.isSafeInteger(x) && x >= 0;
const bytes = (n: number): string => `${n} ${n === 1 ? "byte" : "bytes"}`;
