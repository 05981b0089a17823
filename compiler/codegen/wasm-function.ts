/** One kernel as the body of a WebAssembly function: statements, locals, addresses and expressions. */
import { int, mul as mulExpr } from "./kernel-build.ts";
import { mathBody, mathNames, type MathName } from "./math.ts";
import { Bytes, groupRuns, op, simd, wasmType, type WasmType } from "./wasm-bytes.ts";
import { binaryCode, compareCode, laneBytes, unaryCode } from "./wasm-ops.ts";
import type { Expr, Kernel, Stmt, ValueType } from "./kernel-ir.ts";

export interface EncodedFunction {
  /** Locals and instructions, without the size in front. */
  readonly code: Uint8Array;
  /** Offsets in `code` of the multiply and of the add of every fma, in pairs. */
  readonly multiplyAdds: readonly number[];
}

const wasmOf = (t: ValueType): WasmType => (t.lanes === 4 ? "v128" : t.scalar === "f32" ? "f32" : "i32");
const parameters = { thread: 0, threads: 1, dims: 2, args: 3, scratch: 4 } as const;

/** Encodes a CPU kernel; throws RangeError for what only a GPU has. */
export function encodeKernel(kernel: Kernel, dims: readonly string[]): EncodedFunction {
  return new FunctionEncoder(kernel, dims).encode();
}

class FunctionEncoder {
  readonly #kernel: Kernel;
  readonly #dims: readonly string[];
  readonly #out = new Bytes();
  readonly #locals: WasmType[] = [];
  readonly #names = new Map<string, number>();
  /** Counters of unrolled loops. */
  readonly #known = new Map<string, number>();
  readonly #fused: number[] = [];
  #inlined = 0;

  constructor(kernel: Kernel, dims: readonly string[]) {
    this.#kernel = kernel;
    this.#dims = dims;
  }

  encode(): EncodedFunction {
    const { buffers, shared, dims } = this.#kernel;
    buffers.forEach((b, i) => this.#argument(`@${b.name}`, parameters.args, i));
    for (const d of dims) {
      const at = this.#dims.indexOf(d);
      if (at < 0) throw new RangeError(`kernel ${this.#kernel.name} reads dim ${d}, which no run binds`);
      this.#argument(`#${d}`, parameters.dims, at);
    }
    let offset = 0;
    for (const s of shared) {
      this.#local(parameters.scratch);
      this.#constant(offset);
      this.#out.byte(op.i32Add);
      this.#assign(`@${s.name}`, "i32");
      offset += Math.ceil((s.size * 4) / 64) * 64;
    }
    this.#statements(this.#kernel.body);
    this.#out.byte(op.end);

    const head = new Bytes();
    const runs = groupRuns(this.#locals);
    head.u32(runs.length);
    for (const [n, t] of runs) {
      head.u32(n);
      head.byte(wasmType[t]);
    }
    const shift = head.length;
    head.bytes(this.#out.done());
    return { code: head.done(), multiplyAdds: this.#fused.map((x) => x + shift) };
  }

  #argument(name: string, pointer: number, index: number): void {
    this.#local(pointer);
    this.#out.byte(op.i32Load, 2);
    this.#out.u32(index * 4);
    this.#assign(name, "i32");
  }

  // ---- locals

  #local(index: number): void {
    this.#out.byte(op.get);
    this.#out.u32(index);
  }

  #slot(name: string, type: WasmType): number {
    const key = `${name}:${type}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const made = 5 + this.#locals.length;
    this.#locals.push(type);
    this.#names.set(key, made);
    return made;
  }

  #assign(name: string, type: WasmType): void {
    this.#out.byte(op.set);
    this.#out.u32(this.#slot(name, type));
  }

  #read(name: string, type: WasmType): void {
    const at = this.#names.get(`${name}:${type}`);
    if (at === undefined) throw new RangeError(`kernel ${this.#kernel.name} reads ${name} (${type}) before it is set`);
    this.#local(at);
  }

  #constant(value: number): void {
    this.#out.byte(op.i32Const);
    this.#out.s32(value);
  }

  #simd(code: number): void {
    this.#out.byte(0xfd);
    this.#out.u32(code);
  }

  // ---- statements

  #statements(list: readonly Stmt[]): void {
    for (const s of list) this.#statement(s);
  }

  #statement(s: Stmt): void {
    switch (s.k) {
      case "let": case "set":
        this.#expr(s.value);
        return this.#assign(s.name, wasmOf(s.value.type));
      case "var":
        if (s.init) this.#expr(s.init);
        else this.#zero(s.type);
        return this.#assign(s.name, wasmOf(s.type));
      case "store": {
        const offset = this.#address(s.buffer, s.index, s.half ? 1 : 2);
        this.#expr(s.value);
        if (s.half) return this.#storeHalf(s.value.type.lanes, offset);
        if (s.value.type.lanes === 4) this.#simd(simd.store);
        else this.#out.byte(s.value.type.scalar === "f32" ? op.f32Store : op.i32Store);
        this.#out.byte(2);
        return this.#out.u32(offset);
      }
      case "for":
        return this.#loop(s);
      case "if":
        this.#expr(s.cond);
        this.#out.byte(op.if, 0x40);
        this.#statements(s.then);
        if (s.otherwise?.length) {
          this.#out.byte(op.else);
          this.#statements(s.otherwise);
        }
        return this.#out.byte(op.end);
      case "comment":
        return;
      case "barrier":
        throw new RangeError(`kernel ${this.#kernel.name} has a barrier, which the CPU lacks`);
    }
  }

  /** The lower 16 bits of what lies on the stack. */
  #storeHalf(lanes: 1 | 4, offset: number): void {
    if (lanes === 1) this.#out.byte(op.i32Store16, 1);
    else {
      this.#out.byte(op.tee);
      this.#out.u32(this.#slot(".half", "v128"));
      this.#read(".half", "v128");
      this.#simd(simd.i16x8NarrowU);
      this.#simd(simd.store64Lane);
      this.#out.byte(1);
    }
    this.#out.u32(offset);
    if (lanes === 4) this.#out.byte(0);
  }

  #loop(s: Extract<Stmt, { k: "for" }>): void {
    const from = this.#literal(s.from), to = this.#literal(s.to);
    if (s.unroll && from !== undefined && to !== undefined) {
      for (let i = from; i < to; i += s.step) {
        this.#known.set(s.name, i);
        this.#statements(s.body);
      }
      this.#known.delete(s.name);
      return;
    }
    this.#expr(s.from);
    this.#assign(s.name, "i32");
    const limit = `${s.name}.to`;
    if (to === undefined) {
      this.#expr(s.to);
      this.#assign(limit, "i32");
    }
    const end = (): void => (to === undefined ? this.#read(limit, "i32") : this.#constant(to));
    const certain = from !== undefined && to !== undefined && from < to;
    if (!certain) {
      this.#read(s.name, "i32");
      end();
      this.#out.byte(op.i32LtS, op.if, 0x40);
    }
    this.#out.byte(op.loop, 0x40);
    this.#statements(s.body);
    this.#read(s.name, "i32");
    this.#constant(s.step);
    this.#out.byte(op.i32Add, op.tee);
    this.#out.u32(this.#slot(s.name, "i32"));
    end();
    this.#out.byte(op.i32LtS, op.brIf, 0, op.end);
    if (!certain) this.#out.byte(op.end);
  }

  #zero(t: ValueType): void {
    if (t.lanes === 4) {
      this.#simd(simd.constant);
      this.#out.bytes(new Uint8Array(16));
    } else if (t.scalar === "f32") {
      this.#out.byte(op.f32Const);
      this.#out.f32(0);
    } else this.#constant(0);
  }

  // ---- addresses

  #literal(e: Expr): number | undefined {
    return e.k === "lit" ? e.value : e.k === "var" ? this.#known.get(e.name) : undefined;
  }

  /** Splits an index into a part that is computed and a number that goes into the instruction. */
  #split(e: Expr): { readonly rest: Expr | undefined; readonly constant: number } {
    const value = this.#literal(e);
    if (value !== undefined) return { rest: undefined, constant: value };
    if (e.k === "bin" && (e.fn === "add" || e.fn === "sub")) {
      const a = this.#split(e.a), b = this.#split(e.b);
      const sign = e.fn === "add" ? 1 : -1;
      const constant = a.constant + sign * b.constant;
      if (!b.rest) return { rest: a.rest, constant };
      if (!a.rest && sign > 0) return { rest: b.rest, constant };
      return { rest: { k: "bin", type: e.type, fn: e.fn, a: a.rest ?? int(0), b: b.rest }, constant };
    }
    if (e.k === "bin" && e.fn === "mul") {
      const a = this.#split(e.a), b = this.#split(e.b);
      if (!a.rest && !b.rest) return { rest: undefined, constant: a.constant * b.constant };
      if (!b.rest) return { rest: mulExpr(a.rest!, int(b.constant)), constant: a.constant * b.constant };
      if (!a.rest) return { rest: mulExpr(b.rest, int(a.constant)), constant: a.constant * b.constant };
    }
    return { rest: e, constant: 0 };
  }

  /** Leaves the address of an element of `1 << shift` bytes on the stack; returns the offset for the instruction. */
  #address(buffer: string, index: Expr, shift = 2): number {
    this.#read(`@${buffer}`, "i32");
    const { rest, constant } = this.#split(index);
    if (rest) {
      this.#expr(rest);
      this.#constant(shift);
      this.#out.byte(op.i32Shl, op.i32Add);
    }
    if (constant >= 0) return constant << shift;
    this.#constant(constant * (1 << shift));
    this.#out.byte(op.i32Add);
    return 0;
  }

  // ---- expressions

  #expr(e: Expr): void {
    switch (e.k) {
      case "lit": return this.#lit(e.value, e.type);
      case "var": {
        const known = this.#known.get(e.name);
        return known === undefined ? this.#read(e.name, wasmOf(e.type)) : this.#constant(known);
      }
      case "dim": return this.#read(`#${e.name}`, "i32");
      case "builtin":
        if (e.name !== "thread" && e.name !== "threads") throw new RangeError(`the CPU has no builtin ${e.name}`);
        return this.#local(parameters[e.name]);
      case "load": {
        const offset = this.#address(e.buffer, e.index, e.half ? 1 : 2);
        if (e.type.lanes === 4) this.#simd(e.half ? simd.load16x4U : simd.load);
        else this.#out.byte(e.half ? op.i32Load16U : e.type.scalar === "f32" ? op.f32Load : op.i32Load);
        this.#out.byte(e.half ? 1 : 2);
        return this.#out.u32(offset);
      }
      case "un": return this.#unary(e);
      case "bin": return this.#binary(e);
      case "fma": return this.#fma(e);
      case "select": return this.#select(e);
      case "cast": return this.#cast(e);
      case "bitcast":
        this.#expr(e.a);
        if (e.type.lanes === 1 && (e.type.scalar === "f32") !== (e.a.type.scalar === "f32"))
          this.#out.byte(e.type.scalar === "f32" ? op.f32ReinterpretI32 : op.i32ReinterpretF32);
        return;
      case "splat": return this.#splat(e.a);
      case "lane":
        this.#expr(e.a);
        return this.#extract(e.type, e.lane);
      case "vec":
        if (e.parts.every((p) => p.k === "lit")) return this.#vectorLiteral(e.parts);
        this.#splat(e.parts[0]!);
        for (const i of [1, 2, 3]) {
          this.#scalarLane(e.parts[i]!);
          this.#simd(e.type.scalar === "f32" ? simd.f32x4Replace : simd.i32x4Replace);
          this.#out.byte(i);
        }
        return;
      case "subgroup": throw new RangeError("the CPU has no subgroups");
    }
  }

  #lit(value: number, t: ValueType): void {
    if (t.lanes === 4) return this.#splat({ k: "lit", type: { scalar: t.scalar, lanes: 1 }, value });
    if (t.scalar === "f32") {
      this.#out.byte(op.f32Const);
      this.#out.f32(value);
    } else this.#constant(value);
  }

  #vectorLiteral(parts: readonly Expr[]): void {
    this.#simd(simd.constant);
    for (const p of parts) this.#out.bytes(laneBytes(p));
  }

  /** A bool in a lane is a mask, alone it is 0 or 1. */
  #scalarLane(e: Expr): void {
    if (e.type.scalar !== "bool") return this.#expr(e);
    this.#constant(0);
    this.#expr(e);
    this.#out.byte(op.i32Sub);
  }

  #splat(a: Expr): void {
    if (a.k === "lit") return this.#vectorLiteral([a, a, a, a]);
    if (a.k === "load" && !a.half) {
      const offset = this.#address(a.buffer, a.index);
      this.#simd(simd.load32Splat);
      this.#out.byte(2);
      return this.#out.u32(offset);
    }
    this.#scalarLane(a);
    this.#simd(a.type.scalar === "f32" ? simd.f32x4Splat : simd.i32x4Splat);
  }

  #extract(t: ValueType, lane: number): void {
    this.#simd(t.scalar === "f32" ? simd.f32x4Extract : simd.i32x4Extract);
    this.#out.byte(lane);
    if (t.scalar === "bool") {
      this.#constant(1);
      this.#out.byte(op.i32And);
    }
  }

  #unary(e: Extract<Expr, { k: "un" }>): void {
    if (mathNames.has(e.fn)) return this.#inline(e.fn as MathName, [e.a]);
    if (e.fn === "any") return this.#expr(e.a), this.#simd(simd.anyTrue);
    if (e.fn === "rsqrt") return this.#expr({ k: "bin", type: e.type, fn: "div", a: { k: "lit", type: e.type, value: 1 }, b: { ...e, fn: "sqrt" } });
    if (e.type.scalar === "i32" && e.type.lanes === 1 && (e.fn === "neg" || e.fn === "abs")) {
      const minus: Expr = { k: "bin", type: e.type, fn: "sub", a: int(0), b: e.a };
      return this.#expr(e.fn === "neg" ? minus : { k: "bin", type: e.type, fn: "max", a: e.a, b: minus });
    }
    this.#instruction(unaryCode(e.fn, e.type), () => this.#expr(e.a));
  }

  #binary(e: Extract<Expr, { k: "bin" }>): void {
    const { fn, a, b } = e;
    if (fn === "pow") return this.#inline("pow", [a, b]);
    if (fn === "mulhi") return this.#mulHigh(a, b);
    const t = a.type;
    const integer = t.scalar !== "f32";
    if (integer && t.lanes === 4 && (fn === "div" || fn === "idiv" || fn === "imod")) return this.#laneByLane(e);
    if (integer && t.lanes === 1 && (fn === "idiv" || fn === "imod") && b.k === "lit" && b.value > 0 && Number.isInteger(Math.log2(b.value))) {
      this.#expr(a);
      this.#constant(fn === "idiv" ? Math.log2(b.value) : b.value - 1);
      return this.#out.byte(fn === "idiv" ? op.i32ShrU : op.i32And);
    }
    if (integer && t.lanes === 1 && (fn === "min" || fn === "max")) return this.#smaller(e);
    if (integer && fn === "div" && b.k !== "lit") {
      this.#expr(a);
      return this.#nonZero(b);
    }
    if (integer && t.lanes === 4 && (fn === "shl" || fn === "shr")) {
      this.#expr(a);
      this.#expr(b.k === "splat" ? b.a : { k: "lane", type: { scalar: b.type.scalar, lanes: 1 }, a: b, lane: 0 });
      return this.#simd(fn === "shl" ? simd.i32x4Shl : t.scalar === "u32" ? simd.i32x4ShrU : simd.i32x4ShrS);
    }
    this.#instruction(compareCode(fn, t) ?? binaryCode(fn, t), () => (this.#expr(a), this.#expr(b)));
  }

  #mulHigh(...factors: readonly [Expr, Expr]): void {
    const n = this.#inlined++;
    factors.forEach((x, i) => (this.#expr(x), this.#assign(`.m${n}.${i}`, "v128")));
    for (const code of [simd.extMulLowU, simd.extMulHighU]) {
      factors.forEach((_, i) => this.#read(`.m${n}.${i}`, "v128"));
      this.#simd(code);
    }
    this.#simd(simd.shuffle);
    this.#out.byte(4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }

  /** Divides what lies on the stack; a divisor of zero counts as one, so that nothing traps. */
  #nonZero(b: Expr): void {
    const name = `.d${this.#inlined++}`;
    this.#constant(1);
    this.#expr(b);
    this.#out.byte(op.tee);
    this.#out.u32(this.#slot(name, "i32"));
    this.#read(name, "i32");
    this.#out.byte(op.i32Eqz);
    // select takes (value if true, value if false, condition).
    this.#out.byte(op.select, op.i32DivS);
  }

  #smaller(e: Extract<Expr, { k: "bin" }>): void {
    const n = this.#inlined++;
    for (const [name, x] of [[`.a${n}`, e.a], [`.b${n}`, e.b]] as const) {
      this.#expr(x);
      this.#out.byte(op.tee);
      this.#out.u32(this.#slot(name, "i32"));
    }
    this.#read(`.a${n}`, "i32");
    this.#read(`.b${n}`, "i32");
    const less = e.a.type.scalar === "u32" ? op.i32LtU : op.i32LtS, greater = e.a.type.scalar === "u32" ? op.i32GtU : op.i32GtS;
    this.#out.byte(e.fn === "min" ? less : greater, op.select);
  }

  #laneByLane(e: Extract<Expr, { k: "bin" }>): void {
    const n = this.#inlined++;
    const scalar: ValueType = { scalar: e.type.scalar, lanes: 1 };
    const operand = (name: string, x: Expr): Expr => {
      this.#expr(x);
      this.#assign(name, "v128");
      return { k: "var", type: x.type, name };
    };
    const a = operand(`.a${n}`, e.a), b = operand(`.b${n}`, e.b);
    const parts = ([0, 1, 2, 3] as const).map((lane): Expr => ({
      k: "bin", type: scalar, fn: e.fn, a: { k: "lane", type: scalar, a, lane }, b: { k: "lane", type: scalar, a: b, lane },
    }));
    this.#expr({ k: "vec", type: e.type, parts });
  }

  #fma(e: Extract<Expr, { k: "fma" }>): void {
    this.#expr(e.a);
    this.#expr(e.b);
    if (e.type.scalar !== "f32") return this.#instruction(binaryCode("mul", e.type), () => {}, () => this.#instruction(binaryCode("add", e.type), () => this.#expr(e.c)));
    if (e.type.lanes === 1) {
      this.#out.byte(op.f32Mul);
      this.#expr(e.c);
      return this.#out.byte(op.f32Add);
    }
    const multiply = this.#out.length;
    this.#simd(simd.f32x4Mul);
    const before = this.#fused.length;
    this.#expr(e.c);
    this.#fused.splice(before, 0, multiply);
    this.#fused.push(this.#out.length);
    this.#simd(simd.f32x4Add);
  }

  #select(e: Extract<Expr, { k: "select" }>): void {
    this.#expr(e.a);
    this.#expr(e.b);
    this.#expr(e.cond);
    if (e.cond.type.lanes === 4) this.#simd(simd.bitselect);
    else this.#out.byte(op.select);
  }

  #cast(e: Extract<Expr, { k: "cast" }>): void {
    const from = e.a.type.scalar, to = e.type.scalar;
    if (from === "bool") {
      const one: Expr = { k: "lit", type: e.type, value: 1 }, none: Expr = { k: "lit", type: e.type, value: 0 };
      return this.#expr({ k: "select", type: e.type, cond: e.a, a: one, b: none });
    }
    if (to === "bool") return this.#expr({ k: "bin", type: e.type, fn: "ne", a: e.a, b: { k: "lit", type: e.a.type, value: 0 } });
    this.#expr(e.a);
    if (to === "f32" && from !== "f32") {
      if (e.type.lanes === 4) this.#simd(from === "u32" ? simd.f32x4ConvertU : simd.f32x4ConvertS);
      else this.#out.byte(from === "u32" ? op.f32ConvertI32U : op.f32ConvertI32S);
    } else if (from === "f32" && to !== "f32") {
      if (e.type.lanes === 4) this.#simd(to === "u32" ? simd.i32x4TruncSatU : simd.i32x4TruncSatS);
      else this.#out.byte(0xfc, to === "u32" ? 1 : 0);
    }
  }

  #instruction(code: number, operands: () => void, then: () => void = () => {}): void {
    operands();
    if (code >= 0x1000) this.#simd(code - 0x1000);
    else this.#out.byte(code);
    then();
  }

  /** Puts the body of a math function in place, with locals of its own. */
  #inline(fn: MathName, args: readonly Expr[]): void {
    const n = this.#inlined++;
    const rename = (name: string): string => `.${fn}${n}.${name}`;
    const body = mathBody(fn, args[0]!.type.lanes, rename);
    args.forEach((a, i) => {
      this.#expr(a);
      this.#assign(body.parameters[i]!, wasmOf(a.type));
    });
    this.#statements(body.statements);
    this.#expr(body.result);
  }
}
