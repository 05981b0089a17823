/**
 * Files that `torch.save` writes for a dictionary of tensors: an archive with the dictionary as a pickle and one entry
 * for each storage, or, before PyTorch 1.6, four pickles followed by the storages. Only where tensors lie is read here;
 * their data stays in the file.
 */
import { headerHash, type HeaderProblem, type TensorSlice } from "./safetensors.ts";
import { isKind, PickleFault, readPickle, type Pickled, type PickledTensor } from "./pickle.ts";
import { storageWidth } from "./storage.ts";
import { isZip, readZip, type ReadBytes, type ZipEntry } from "./zip.ts";

/** A tensor in a file: `begin` and `end` span the bytes of its elements, `strides` say where they are when not in order. */
export interface TorchSlice extends TensorSlice { readonly strides?: readonly number[] }

export interface TorchHeader {
  readonly tensors: readonly TorchSlice[];
  /** Fingerprint of the pickle and of the layout. */
  readonly hash: string;
}

/** Longest pickle accepted, in bytes. */
export const maxPickleBytes = 64_000_000;
/** What a file in the old layout begins with: a pickle of this number. */
const oldMagic = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];

const bad = (detail: string, problem: HeaderProblem["problem"] = "bad_archive", tensor?: string): HeaderProblem => ({ problem, detail, ...(tensor === undefined ? {} : { tensor }) });

/** Where the storages of a file are, by key. */
type Storages = ReadonlyMap<string, { readonly begin: number; readonly end: number }>;

/** Tensors of a file of `fileSize` bytes. `read` may reject; nothing else does. */
export async function readTorch(read: ReadBytes, fileSize: number): Promise<TorchHeader | HeaderProblem> {
  const first = await read(0, Math.min(oldMagic.length, fileSize));
  try {
    if (isZip(first)) return await readArchive(read, fileSize);
    if (oldMagic.every((b, i) => first[i] === b)) return await readOld(read, fileSize);
  } catch (e) {
    if (e instanceof PickleFault) return bad(e.message, e.problem);
    throw e;
  }
  return bad("the file is neither an archive nor a pickle of PyTorch");
}

async function readArchive(read: ReadBytes, fileSize: number): Promise<TorchHeader | HeaderProblem> {
  const archive = await readZip(read, fileSize);
  if ("problem" in archive) return archive;
  const pickles = [...archive.entries.values()].filter((e) => e.name.endsWith("/data.pkl") && e.name.split("/").length === 2);
  const [pickle] = pickles;
  if (!pickle || pickles.length > 1) return bad(pickle ? "the archive has two `data.pkl`" : "the archive has no `data.pkl`");
  const root = pickle.name.slice(0, pickle.name.indexOf("/") + 1);
  const order = archive.entries.get(`${root}byteorder`);
  if (order && (await textOf(read, order)) !== "little") return bad("its numbers are big-endian");
  if (archive.entries.has(`${root}constants.pkl`)) return bad("it is a TorchScript module, which holds code", "bad_pickle");
  if (pickle.end - pickle.begin > maxPickleBytes) return bad(`its pickle has ${pickle.end - pickle.begin} bytes, more than the limit of ${maxPickleBytes}`);
  const bytes = await read(pickle.begin, pickle.end - pickle.begin);
  const storages = new Map([...archive.entries.values()].filter((e) => e.name.startsWith(`${root}data/`)).map((e) => [e.name.slice(root.length + 5), e]));
  const slices = slicesOf(readPickle(bytes).value, storages);
  if ("problem" in slices) return slices;
  const both = new Uint8Array(bytes.byteLength + archive.directory.byteLength);
  both.set(bytes);
  both.set(archive.directory, bytes.byteLength);
  return { tensors: slices.tensors, hash: headerHash(both, fileSize) };
}

const textOf = async (read: ReadBytes, e: ZipEntry): Promise<string> => new TextDecoder().decode(await read(e.begin, Math.min(16, e.end - e.begin)));

/** Magic, version, system, dictionary, keys; then each storage behind its count of elements. */
async function readOld(read: ReadBytes, fileSize: number): Promise<TorchHeader | HeaderProblem> {
  let length = Math.min(fileSize, 1 << 20);
  for (;;) {
    const bytes = await read(0, length);
    try {
      const magic = readPickle(bytes);
      const version = readPickle(bytes, magic.end);
      if (version.value !== 1001) return bad(`it is of the version ${String(version.value)}; 1001 is read`);
      const system = readPickle(bytes, version.end);
      if (!isKind(system.value, "dict") || system.value.entries.get("little_endian") !== true) return bad("its numbers are big-endian");
      const dictionary = readPickle(bytes, system.end);
      const keys = readPickle(bytes, dictionary.end);
      const storages = await oldStorages(read, fileSize, keys.value, keys.end, dictionary.value);
      if ("problem" in storages) return storages;
      const slices = slicesOf(dictionary.value, storages);
      return "problem" in slices ? slices : { tensors: slices.tensors, hash: headerHash(bytes.subarray(0, keys.end), fileSize) };
    } catch (e) {
      if (!(e instanceof PickleFault) || e.problem !== "truncated" || length === fileSize || length >= maxPickleBytes) throw e;
      length = Math.min(fileSize, 4 * length, maxPickleBytes);
    }
  }
}

async function oldStorages(read: ReadBytes, fileSize: number, keys: Pickled, begin: number, of: Pickled): Promise<Storages | HeaderProblem> {
  if (!isKind(keys, "list") || !keys.items.every((k) => typeof k === "string")) return bad("its list of storages is no list of texts");
  const widths = new Map(tensorsIn(of).map(([, t]) => [t.storage.key, storageWidth[t.storage.dtype]]));
  const out = new Map<string, { begin: number; end: number }>();
  let at = begin;
  for (const key of keys.items as string[]) {
    if (at + 8 > fileSize) return bad(`storage ${key} begins at byte ${at}, and the file ends at ${fileSize}`, "truncated");
    const head = await read(at, 8);
    const view = new DataView(head.buffer, head.byteOffset, 8);
    const count = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
    const width = widths.get(key);
    if (width === undefined) return bad(`no tensor uses the storage ${key}, so its size is not known`);
    const end = at + 8 + count * width;
    if (!(end <= fileSize)) return bad(`storage ${key} claims ${count} elements, and the file ends at byte ${fileSize}`, "truncated");
    out.set(key, { begin: at + 8, end });
    at = end;
  }
  return out;
}

/** The named tensors of a dictionary; anything else in it is a fault. */
function tensorsIn(value: Pickled): [string, PickledTensor][] {
  if (!isKind(value, "dict")) throw new PickleFault("it holds no dictionary of tensors");
  return [...value.entries].map(([name, v]) => {
    if (!isKind(v, "tensor")) throw new PickleFault(`its value of \`${String(name)}\` is no tensor`);
    return [String(name), v];
  });
}

function slicesOf(value: Pickled, storages: Storages): { readonly tensors: readonly TorchSlice[] } | HeaderProblem {
  const tensors: TorchSlice[] = [];
  for (const [name, t] of tensorsIn(value)) {
    const { key, dtype, count } = t.storage;
    const width = storageWidth[dtype];
    const storage = storages.get(key);
    if (!storage) return bad(`its storage ${key} is not in the file`, "out_of_file", name);
    if (count * width > storage.end - storage.begin)
      return bad(`its storage claims ${count} elements of ${width} bytes, and the file holds ${storage.end - storage.begin} bytes of it`, "truncated", name);
    const elements = t.shape.reduce((a, b) => a * b, 1);
    if (!Number.isSafeInteger(elements)) return bad(`its shape [${t.shape.join(", ")}] has too many elements`, "out_of_file", name);
    const last = elements === 0 ? t.offset : t.offset + t.shape.reduce((sum, n, i) => sum + (n - 1) * t.strides[i]!, 0) + 1;
    if (!(last <= count)) return bad(`it reaches to element ${last} of a storage of ${count}`, "out_of_file", name);
    const begin = storage.begin + t.offset * width;
    if (elements > 0 && !inOrder(t)) {
      // A view with repeated elements could claim more of them than there are bytes.
      if (elements > last - t.offset) return bad(`its strides [${t.strides.join(", ")}] repeat elements`, "overlap", name);
      tensors.push({ name, dtype, shape: t.shape, begin, end: storage.begin + last * width, strides: t.strides });
    } else tensors.push({ name, dtype, shape: t.shape, begin, end: begin + elements * width });
  }
  return { tensors };
}

/** Are the elements in row-major order without gaps? Axes of size 1 step nowhere. */
function inOrder(t: PickledTensor): boolean {
  let step = 1;
  for (let i = t.shape.length - 1; i >= 0; i--) {
    if (t.shape[i]! !== 1 && t.strides[i]! !== step) return false;
    step *= t.shape[i]!;
  }
  return true;
}
