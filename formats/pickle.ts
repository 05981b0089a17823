/**
 * A pickle machine that can build dictionaries, lists, tuples, numbers, texts and tensors, and nothing else. There is no
 * opcode here that looks up or calls anything by name: a `GLOBAL` yields a token for one of the names below and `REDUCE`
 * knows what each of them makes. Everything else ends the reading with the reason. Format: `pickletools` of CPython.
 */
import type { StorageType } from "../ir/graph.ts";

/** Bytes of a tensor's storage, by its key in the file. */
export interface StorageRef { readonly kind: "storage"; readonly key: string; readonly dtype: StorageType; readonly count: number }
/** A strided view of a storage; offset and strides count elements. */
export interface PickledTensor { readonly kind: "tensor"; readonly storage: StorageRef; readonly offset: number; readonly shape: readonly number[]; readonly strides: readonly number[] }
interface Token { readonly kind: "token"; readonly name: string }
interface Mark { readonly kind: "mark" }

export type Pickled =
  | null | boolean | number | string | PickledTensor | StorageRef | Token
  | { readonly kind: "list"; readonly items: Pickled[] }
  | { readonly kind: "tuple"; readonly items: readonly Pickled[] }
  | { readonly kind: "dict"; readonly entries: Map<string | number, Pickled> };

/** Why a pickle is refused: a clause without a full stop. `refused` is set for what could do more than hold tensors. */
export class PickleFault extends Error {
  readonly problem: "bad_pickle" | "bad_dtype" | "truncated";
  constructor(message: string, problem: PickleFault["problem"] = "bad_pickle") {
    super(message);
    this.problem = problem;
  }
}

const storages: Readonly<Record<string, StorageType>> = {
  FloatStorage: "f32", HalfStorage: "f16", BFloat16Storage: "bf16", DoubleStorage: "f64", LongStorage: "i64", IntStorage: "i32",
  ShortStorage: "i16", CharStorage: "i8", ByteStorage: "u8", BoolStorage: "bool",
};
/** What a pickle of tensors names besides the classes of storages. */
const known = new Set(["collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.Size"]);

/** Most values on the stack, in the memo and in one object. */
const maxValues = 4_000_000;
const mark: Mark = { kind: "mark" };

/** What one pickle in `bytes` holds, from `begin` on, and where it ends. Throws `PickleFault`. */
export function readPickle(bytes: Uint8Array, begin = 0): { readonly value: Pickled; readonly end: number } {
  return new Machine(bytes, begin).run();
}

class Machine {
  private at: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly stack: (Pickled | Mark)[] = [];
  private readonly memo = new Map<number, Pickled>();

  constructor(bytes: Uint8Array, begin: number) {
    this.bytes = bytes;
    this.at = begin;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): { readonly value: Pickled; readonly end: number } {
    for (;;) {
      const where = this.at;
      const op = this.u8();
      if (op === 0x2e) return { value: this.pop(), end: this.at }; // STOP
      this.step(op, where);
      if (this.stack.length > maxValues || this.memo.size > maxValues) throw new PickleFault(`it holds more than ${maxValues} values`);
    }
  }

  private step(op: number, where: number): void {
    switch (String.fromCharCode(op)) {
      case "\x80": { // PROTO
        const protocol = this.u8();
        if (protocol < 2 || protocol > 5) throw new PickleFault(`it is of protocol ${protocol}; 2 to 5 are read`);
        return;
      }
      case "\x95": return void this.take(8); // FRAME: a hint for readers of streams
      case "(": return void this.stack.push(mark);
      case "N": return this.push(null);
      case "\x88": return this.push(true);
      case "\x89": return this.push(false);
      case "K": return this.push(this.u8());
      case "M": return this.push(this.view.getUint16(this.take(2), true));
      case "J": return this.push(this.view.getInt32(this.take(4), true));
      case "\x8a": return this.push(this.long(this.u8()));
      case "G": return this.push(this.view.getFloat64(this.take(8), false));
      case "X": return this.push(this.text(this.u32()));
      case "\x8c": return this.push(this.text(this.u8()));
      case "U": return this.push(this.text(this.u8()));
      case "T": return this.push(this.text(this.u32()));
      case "}": return this.push({ kind: "dict", entries: new Map() });
      case "]": return this.push({ kind: "list", items: [] });
      case ")": return this.push({ kind: "tuple", items: [] });
      case "t": return this.push({ kind: "tuple", items: this.toMark() });
      case "\x85": return this.push({ kind: "tuple", items: this.pops(1) });
      case "\x86": return this.push({ kind: "tuple", items: this.pops(2) });
      case "\x87": return this.push({ kind: "tuple", items: this.pops(3) });
      case "a": return this.append([this.pop()]);
      case "e": return this.append(this.toMark());
      case "s": return this.setItems(this.pops(2));
      case "u": return this.setItems(this.toMark());
      case "q": return this.remember(this.u8());
      case "r": return this.remember(this.u32());
      case "\x94": return this.remember(this.memo.size);
      case "h": return this.recall(this.u8());
      case "j": return this.recall(this.u32());
      case "0": return void this.pop();
      case "c": return this.push(token(this.line(), this.line()));
      case "\x93": { // STACK_GLOBAL
        const [module, name] = this.pops(2);
        if (typeof module !== "string" || typeof name !== "string") throw new PickleFault("it names something by a value that is no text");
        return this.push(token(module, name));
      }
      case "Q": return this.push(storageOf(this.pop()));
      case "R": {
        const [of, args] = this.pops(2);
        return this.push(reduce(of!, args!));
      }
      case "b": return this.build();
      default:
        throw new PickleFault(`byte ${where} is the instruction 0x${op.toString(16).padStart(2, "0")}, which holds no tensors`);
    }
  }

  /** State of an object: the notes that modules add to their dictionaries, and nothing with an effect. */
  private build(): void {
    const state = this.pop(), of = this.top();
    if (!isKind(of, "dict") || !isKind(state, "dict") || [...state.entries.keys()].some((k) => k !== "_metadata"))
      throw new PickleFault("it sets attributes of an object");
  }

  private append(items: readonly Pickled[]): void {
    const list = this.top();
    if (!isKind(list, "list")) throw new PickleFault("it appends to something that is no list");
    if (list.items.length + items.length > maxValues) throw new PickleFault(`it holds more than ${maxValues} values`);
    for (const i of items) list.items.push(i);
  }

  private setItems(items: readonly Pickled[]): void {
    const dict = this.top();
    if (!isKind(dict, "dict") || items.length % 2 !== 0) throw new PickleFault("it sets items of something that is no dictionary");
    for (let i = 0; i < items.length; i += 2) {
      const k = items[i]!;
      if (typeof k !== "string" && typeof k !== "number") throw new PickleFault("a key of a dictionary is neither text nor number");
      dict.entries.set(k, items[i + 1]!);
    }
  }

  private push(value: Pickled): void {
    this.stack.push(value);
  }

  private pop(): Pickled {
    const v = this.stack.pop();
    if (v === undefined || isMark(v)) throw new PickleFault("it takes a value that is not there");
    return v;
  }

  private top(): Pickled {
    const v = this.stack[this.stack.length - 1];
    if (v === undefined || isMark(v)) throw new PickleFault("it changes a value that is not there");
    return v;
  }

  private pops(n: number): Pickled[] {
    return Array.from({ length: n }, () => this.pop()).reverse();
  }

  private toMark(): Pickled[] {
    const from = this.stack.lastIndexOf(mark);
    if (from < 0) throw new PickleFault("it ends a group that was not begun");
    return this.stack.splice(from).slice(1) as Pickled[];
  }

  private remember(index: number): void {
    this.memo.set(index, this.top());
  }

  private recall(index: number): void {
    const v = this.memo.get(index);
    if (v === undefined) throw new PickleFault(`it recalls value ${index}, which it never kept`);
    this.push(v);
  }

  private take(length: number): number {
    const at = this.at;
    if (length > this.bytes.byteLength - at) throw new PickleFault(`it ends at byte ${this.bytes.byteLength}, inside an instruction`, "truncated");
    this.at += length;
    return at;
  }

  private u8(): number {
    return this.bytes[this.take(1)]!;
  }

  private u32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  private text(length: number): string {
    const at = this.take(length);
    return decodeText(this.bytes.subarray(at, at + length));
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new PickleFault("it ends inside a name", "truncated");
    const text = decodeText(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text;
  }

  /** A whole number of `length` bytes; one that a double does not hold becomes its nearest, which no size or offset is. */
  private long(length: number): number {
    const at = this.take(length);
    let n = 0n;
    for (let i = length - 1; i >= 0; i--) n = (n << 8n) | BigInt(this.bytes[at + i]!);
    return Number(length > 0 && this.bytes[at + length - 1]! >= 0x80 ? n - (1n << BigInt(8 * length)) : n);
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new PickleFault("a text in it is not UTF-8");
  }
}

function token(module: string, name: string): Token {
  const full = `${module}.${name}`;
  if (known.has(full) || (module === "torch" && Object.hasOwn(storages, name))) return { kind: "token", name: full };
  if (module === "torch" && name.endsWith("Storage")) throw new PickleFault(`it holds a tensor of ${full}`, "bad_dtype");
  throw new PickleFault(`it names \`${full.slice(0, 100)}\`, which is no part of a tensor`);
}

/** `("storage", type, key, location, count)`: what a file says of the bytes of a tensor. */
function storageOf(id: Pickled): StorageRef {
  if (!isKind(id, "tuple")) throw new PickleFault("it refers to something outside that is no storage");
  const [what, type, key, , count, view] = id.items;
  if (what !== "storage" || !isKind(type, "token") || typeof key !== "string" || !isCount(count)) throw new PickleFault("it refers to something outside that is no storage");
  if (view !== undefined && view !== null) throw new PickleFault("it holds a view of another storage, as PyTorch no longer writes");
  const dtype = storages[type.name.slice("torch.".length)];
  if (!dtype) throw new PickleFault(`it gives ${type.name} as the type of a storage`);
  return { kind: "storage", key, dtype, count };
}

function reduce(of: Pickled, args: Pickled): Pickled {
  if (!isKind(of, "token") || !isKind(args, "tuple")) throw new PickleFault("it calls something that is no function");
  const { items } = args;
  switch (of.name) {
    case "collections.OrderedDict": {
      const entries = new Map<string | number, Pickled>();
      const [pairs] = items;
      if (pairs !== undefined) {
        if (!isKind(pairs, "list")) throw new PickleFault("it makes a dictionary of something that is no list");
        for (const p of pairs.items) {
          const pair = isKind(p, "tuple") || isKind(p, "list") ? p.items : [];
          if (pair.length !== 2 || typeof pair[0] !== "string") throw new PickleFault("an item of a dictionary is no pair");
          entries.set(pair[0], pair[1]!);
        }
      }
      return { kind: "dict", entries };
    }
    case "torch._utils._rebuild_tensor_v2": {
      const [storage, offset, shape, strides] = items;
      if (!isKind(storage, "storage") || !isCount(offset)) throw new PickleFault("a tensor has no storage");
      const sizes = counts(shape), steps = counts(strides);
      if (!sizes || !steps || sizes.length !== steps.length) throw new PickleFault("a tensor has no shape");
      return { kind: "tensor", storage, offset, shape: sizes, strides: steps };
    }
    case "torch._utils._rebuild_parameter": {
      if (!isKind(items[0], "tensor")) throw new PickleFault("a parameter is no tensor");
      return items[0];
    }
    case "torch.Size": {
      const sizes = counts(items[0]);
      if (!sizes) throw new PickleFault("a size is no list of numbers");
      return { kind: "tuple", items: sizes };
    }
    default:
      throw new PickleFault(`it calls ${of.name}`);
  }
}

function counts(v: Pickled | undefined): readonly number[] | undefined {
  if (!isKind(v, "tuple") && !isKind(v, "list")) return undefined;
  return v.items.every(isCount) ? (v.items as readonly number[]) : undefined;
}

const isMark = (v: Pickled | Mark): v is Mark => v === mark;
const isCount = (v: unknown): v is number => typeof v === "number" && Number.isSafeInteger(v) && v >= 0;

/** Is a value of one of the kinds that carry their name? */
export function isKind<K extends Extract<Pickled, { kind: string }>["kind"]>(v: Pickled | undefined, kind: K): v is Extract<Pickled, { kind: K }> {
  return typeof v === "object" && v !== null && v.kind === kind;
}
