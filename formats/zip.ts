/**
 * ZIP archives as PyTorch writes them: entries stored without compression, in one folder. Sizes come from the directory
 * at the end of the archive and are checked against the file before anyone allocates by them. Format: APPNOTE 6.3 of
 * PKWARE, with its 64-bit records.
 */
import type { HeaderProblem } from "./safetensors.ts";

/** Reads `length` bytes of the file from `begin` on. */
export type ReadBytes = (begin: number, length: number) => Promise<Uint8Array>;

/** A file inside an archive: its data lies at bytes `begin` to `end` of the archive. */
export interface ZipEntry {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

export interface ZipArchive {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** The directory as it stands in the file, for fingerprints. */
  readonly directory: Uint8Array;
}

/** Longest directory accepted, in bytes: some hundred thousand entries. */
const maxDirectoryBytes = 64_000_000;
const signatures = { local: 0x04034b50, entry: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 };
/** What a 32-bit field says where the 64-bit record holds the number. */
const elsewhere = 0xffffffff;

const bad = (detail: string, problem: HeaderProblem["problem"] = "bad_archive"): HeaderProblem => ({ problem, detail });
const isBad = (x: object): x is HeaderProblem => "problem" in x;

/** Does a file that begins with these bytes look like an archive? */
export function isZip(first: Uint8Array): boolean {
  return first.byteLength >= 4 && viewOf(first).getUint32(0, true) === signatures.local;
}

/** The entries of an archive of `fileSize` bytes. `read` may reject; nothing else does. */
export async function readZip(read: ReadBytes, fileSize: number): Promise<ZipArchive | HeaderProblem> {
  const place = await findDirectory(read, fileSize);
  if (isBad(place)) return place;
  const directory = await read(place.begin, place.size);
  const listed = listEntries(directory, place.count);
  if (isBad(listed)) return listed;
  const entries = new Map<string, ZipEntry>();
  for (const e of listed.entries) {
    const entry = await locate(read, e, place.begin);
    if (isBad(entry)) return entry;
    entries.set(entry.name, entry);
  }
  const sorted = [...entries.values()].sort((a, b) => a.begin - b.begin);
  for (let i = 1; i < sorted.length; i++)
    if (sorted[i]!.begin < sorted[i - 1]!.end) return bad(`the data of \`${sorted[i]!.name}\` begins inside that of \`${sorted[i - 1]!.name}\``, "overlap");
  return { entries, directory };
}

interface DirectoryPlace { readonly begin: number; readonly size: number; readonly count: number }

/** The record at the end of the archive; a comment of up to 65535 bytes may follow it. */
async function findDirectory(read: ReadBytes, fileSize: number): Promise<DirectoryPlace | HeaderProblem> {
  if (fileSize < 22) return bad(`the file has ${fileSize} bytes, and an archive ends with a record of 22`, "truncated");
  const length = Math.min(fileSize, 22 + 65535);
  const tail = await read(fileSize - length, length);
  const view = viewOf(tail);
  let at = length - 22;
  while (at >= 0 && !(view.getUint32(at, true) === signatures.end && at + 22 + view.getUint16(at + 20, true) === length)) at--;
  if (at < 0) return bad("the archive has no directory at its end; the file was cut short", "truncated");
  let found = { count: view.getUint16(at + 10, true), size: view.getUint32(at + 12, true), begin: view.getUint32(at + 16, true) };
  const recordAt = fileSize - length + at;
  if (at >= 20 && view.getUint32(at - 20, true) === signatures.locator64) {
    const begin = number64(view, at - 12);
    if (begin === undefined || begin + 56 > recordAt) return bad("its 64-bit record lies outside the file", "out_of_file");
    const record = viewOf(await read(begin, 56));
    if (record.getUint32(0, true) !== signatures.end64) return bad("its 64-bit record is not where the archive says");
    const [count, size, start] = [number64(record, 32), number64(record, 40), number64(record, 48)];
    if (count === undefined || size === undefined || start === undefined) return bad("its 64-bit record holds numbers no file has");
    found = { count, size, begin: start };
  }
  if (found.size > maxDirectoryBytes) return bad(`its directory claims ${found.size} bytes, more than the limit of ${maxDirectoryBytes}`);
  if (found.begin + found.size > recordAt) return bad(`its directory lies at bytes ${found.begin} to ${found.begin + found.size}, beyond its end at ${recordAt}`, "out_of_file");
  return found;
}

interface Listed { readonly name: string; readonly size: number; readonly local: number }

function listEntries(bytes: Uint8Array, count: number): { readonly entries: readonly Listed[] } | HeaderProblem {
  const view = viewOf(bytes);
  const entries: Listed[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.byteLength || view.getUint32(at, true) !== signatures.entry) return bad(`its directory claims ${count} entries and holds ${i}`);
    const flags = view.getUint16(at + 8, true), method = view.getUint16(at + 10, true);
    const nameLength = view.getUint16(at + 28, true), extraLength = view.getUint16(at + 30, true), commentLength = view.getUint16(at + 32, true);
    const end = at + 46 + nameLength + extraLength + commentLength;
    if (end > bytes.byteLength) return bad(`entry ${i} of its directory is longer than the directory`);
    const name = utf8(bytes.subarray(at + 46, at + 46 + nameLength));
    if (name === undefined || !isInside(name)) return bad(`entry ${i} has the name ${JSON.stringify(name ?? "?")}, which is not a file inside the archive`, "outside_directory");
    if (names.has(name)) return bad(`the archive holds \`${name}\` twice`, "duplicate");
    if ((flags & 1) !== 0) return bad(`\`${name}\` is encrypted`);
    const sizes = widened(view, at, at + 46 + nameLength, extraLength);
    if (!sizes) return bad(`\`${name}\` has sizes no file has`);
    if (method !== 0 || sizes.packed !== sizes.size) return bad(`\`${name}\` is compressed; PyTorch stores its tensors as they are`);
    names.add(name);
    if (!name.endsWith("/")) entries.push({ name, size: sizes.size, local: sizes.local });
    at = end;
  }
  return { entries };
}

/** Sizes and place of an entry, from the extra field with 64-bit numbers where the plain fields say so. */
function widened(view: DataView, at: number, extra: number, extraLength: number): { readonly packed: number; readonly size: number; readonly local: number } | undefined {
  const plain = { packed: view.getUint32(at + 20, true), size: view.getUint32(at + 24, true), local: view.getUint32(at + 42, true) };
  if (plain.packed !== elsewhere && plain.size !== elsewhere && plain.local !== elsewhere) return plain;
  const end = extra + extraLength;
  for (let p = extra; p + 4 <= end; ) {
    const id = view.getUint16(p, true), length = view.getUint16(p + 2, true);
    let q = p + 4;
    const stop = q + length;
    if (stop > end) return undefined;
    if (id === 1) {
      const take = (value: number): number | undefined => {
        if (value !== elsewhere) return value;
        const wide = q + 8 <= stop ? number64(view, q) : undefined;
        q += 8;
        return wide;
      };
      const size = take(plain.size), packed = take(plain.packed), local = take(plain.local);
      return size === undefined || packed === undefined || local === undefined ? undefined : { packed, size, local };
    }
    p = stop;
  }
  return undefined;
}

/** Where an entry's data is: behind its own header, which repeats the name. */
async function locate(read: ReadBytes, e: Listed, directoryAt: number): Promise<ZipEntry | HeaderProblem> {
  if (e.local + 30 > directoryAt) return bad(`\`${e.name}\` lies at byte ${e.local}, outside the archive's data, which ends at ${directoryAt}`, "out_of_file");
  const nameBytes = new TextEncoder().encode(e.name).byteLength;
  const length = Math.min(30 + nameBytes, directoryAt - e.local);
  const header = await read(e.local, length);
  const view = viewOf(header);
  if (view.getUint32(0, true) !== signatures.local) return bad(`\`${e.name}\` is not where the directory of the archive says`);
  if (view.getUint16(26, true) !== nameBytes || utf8(header.subarray(30)) !== e.name) return bad(`\`${e.name}\` has another name at its data`);
  const begin = e.local + 30 + nameBytes + view.getUint16(28, true);
  if (begin + e.size > directoryAt) return bad(`the data of \`${e.name}\` lies at bytes ${begin} to ${begin + e.size}, and the archive's data ends at ${directoryAt}`, "out_of_file");
  return { name: e.name, begin, end: begin + e.size };
}

/** A relative name without `..`, backslashes, drives and NUL. */
function isInside(name: string): boolean {
  const plain = name.endsWith("/") ? name.slice(0, -1) : name;
  return plain !== "" && !/[\\\0:]/.test(plain) && plain.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A 64-bit number, undefined where a double does not hold it. */
function number64(view: DataView, at: number): number | undefined {
  const n = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  return Number.isSafeInteger(n) ? n : undefined;
}
