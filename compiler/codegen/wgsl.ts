/**
 * Prints a kernel as a WGSL compute shader. Equal kernels give equal text, so that layers share pipelines.
 *
 * Bindings: 0 is a uniform struct with the run-time dims as i32 in plan order; the kernel's buffers follow in order.
 * A buffer is an array of `vec4` where every write and some read takes four aligned elements at once.
 */
import { operands } from "./kernel-build.ts";
import type { Expr, Kernel, KernelBuffer, Stmt, ValueType } from "./kernel-ir.ts";
import { mathFunction, type MathName } from "./wgsl-math.ts";

/** WGSL text of a kernel; `main` is its entry point. */
export function printWgsl(kernel: Kernel): string {
  return new Printer(kernel).text();
}

interface Place { readonly element: string; readonly wide: boolean }

const infix: Readonly<Record<string, string>> = {
  add: "+", sub: "-", mul: "*", div: "/", bitand: "&", bitor: "|", bitxor: "^",
  eq: "==", ne: "!=", lt: "<", le: "<=", gt: ">", ge: ">=",
};
const builtins: Readonly<Record<string, readonly [string, string]>> = {
  local_x: ["local_invocation_id", "local: vec3<u32>"],
  group_x: ["workgroup_id", "group: vec3<u32>"],
  subgroup_lane: ["subgroup_invocation_id", "subgroup_lane: u32"],
  subgroup_size: ["subgroup_size", "subgroup_size: u32"],
  subgroup_id: ["", ""],
};
const mathNames: ReadonlySet<string> = new Set<MathName>(["sin", "cos", "tanh", "sigmoid", "erf", "pow"]);

class Printer {
  readonly #kernel: Kernel;
  readonly #places = new Map<string, Place>();
  readonly #math = new Set<string>();
  readonly #params = new Set<string>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    const access = accesses(kernel.body);
    for (const b of kernel.buffers) this.#places.set(b.name, { element: b.element, wide: isWide(b, access) });
    for (const s of kernel.shared) {
      const seen = access.get(s.name);
      this.#places.set(s.name, { element: s.element, wide: s.size % 4 === 0 && seen !== undefined && seen.scalarStores + seen.unaligned === 0 && seen.wide > 0 });
    }
  }

  text(): string {
    const k = this.#kernel;
    const body = this.#block(k.body, "  ");
    const head: string[] = [];
    if (k.subgroups) head.push("enable subgroups;");
    if (k.buffers.some((b) => b.element === "f16") || /\bf16\b/.test(body)) head.push("enable f16;");
    head.push(`struct Dims { ${k.dims.map((d) => `d_${d}: i32`).join(", ") || "none: i32"} }`);
    head.push("@group(0) @binding(0) var<uniform> dims: Dims;");
    k.buffers.forEach((b, i) => {
      head.push(`@group(0) @binding(${i + 1}) var<storage, ${b.access}> ${b.name}: array<${this.#elementOf(b.name)}>;`);
    });
    for (const s of k.shared) {
      const wide = this.#places.get(s.name)!.wide;
      head.push(`var<workgroup> ${s.name}: array<${this.#elementOf(s.name)}, ${wide ? s.size / 4 : s.size}>;`);
    }
    for (const f of [...this.#math].sort()) head.push(mathFunction(f));
    const [x, y, z] = k.workgroup ?? [64, 1, 1];
    const params = [...this.#params].sort().map((p) => `@builtin(${builtins[p]![0]}) ${builtins[p]![1]}`);
    return `${head.join("\n")}\n\n@compute @workgroup_size(${x}, ${y}, ${z})\nfn main(${params.join(", ")}) {\n${body}}\n`;
  }

  #elementOf(name: string): string {
    const p = this.#places.get(name)!;
    return p.wide ? `vec4<${p.element}>` : p.element;
  }

  #block(stmts: readonly Stmt[], pad: string): string {
    return stmts.map((s) => this.#stmt(s, pad)).join("");
  }

  #stmt(s: Stmt, pad: string): string {
    switch (s.k) {
      case "let":
        return `${pad}let ${s.name} = ${this.#bare(s.value)};\n`;
      case "var":
        return `${pad}var ${s.name}${s.init ? ` = ${this.#bare(s.init)}` : `: ${typeName(s.type)}`};\n`;
      case "set":
        return s.value.k === "bin" && s.value.fn === "add" && s.value.a.k === "var" && s.value.a.name === s.name
          ? `${pad}${s.name} += ${this.#bare(s.value.b)};\n`
          : `${pad}${s.name} = ${this.#bare(s.value)};\n`;
      case "store":
        return this.#store(s, pad);
      case "for": {
        const unrolled = s.unroll ? this.#unrolled(s, pad) : undefined;
        if (unrolled !== undefined) return unrolled;
        const step = s.step === 1 ? `${s.name}++` : `${s.name} += ${s.step}`;
        return `${pad}for (var ${s.name} = ${this.#start(s)}; ${s.name} < ${this.#expr(s.to)}; ${step}) {\n${this.#block(s.body, `${pad}  `)}${pad}}\n`;
      }
      case "if": {
        const otherwise = s.otherwise?.length ? ` else {\n${this.#block(s.otherwise, `${pad}  `)}${pad}}` : "";
        return `${pad}if (${this.#bare(s.cond)}) {\n${this.#block(s.then, `${pad}  `)}${pad}}${otherwise}\n`;
      }
      case "barrier":
        return `${pad}workgroupBarrier();\n`;
      case "comment":
        return `${pad}// ${s.text}\n`;
    }
  }

  /**
   * Where a loop begins. Drivers unroll loops of few known turns, and a software device takes minutes to compile many copies
   * of a read; such a loop begins at a zero they cannot see, the workgroup's z.
   */
  #start(s: Extract<Stmt, { k: "for" }>): string {
    const short = s.from.k === "lit" && s.from.value === 0 && s.to.k === "lit" && s.to.value / s.step <= 32;
    if (!short || !this.#reads(s.body)) return this.#bare(s.from);
    this.#params.add("group_x");
    return "i32(group.z)";
  }

  /** Do the statements read a buffer of the kernel? */
  #reads(body: readonly Stmt[]): boolean {
    const reads = (e: Expr): boolean => (e.k === "load" && this.#kernel.buffers.some((b) => b.name === e.buffer)) || operands(e).some(reads);
    return body.some((s) => {
      switch (s.k) {
        case "let": case "set": return reads(s.value);
        case "var": return s.init !== undefined && reads(s.init);
        case "store": return reads(s.value) || reads(s.index);
        case "for": return reads(s.to) || this.#reads(s.body);
        case "if": return reads(s.cond) || this.#reads(s.then) || this.#reads(s.otherwise ?? []);
        default: return false;
      }
    });
  }

  #unrolled(s: Extract<Stmt, { k: "for" }>, pad: string): string | undefined {
    if (s.from.k !== "lit" || s.to.k !== "lit") return undefined;
    let text = "";
    for (let i = s.from.value; i < s.to.value; i += s.step)
      text += `${pad}{\n${pad}  const ${s.name} = ${i};\n${this.#block(s.body, `${pad}  `)}${pad}}\n`;
    return text;
  }

  #store(s: Extract<Stmt, { k: "store" }>, pad: string): string {
    const place = this.#place(s.buffer);
    if (s.value.type.lanes === 1) return `${pad}${s.buffer}[${this.#bare(s.index)}] = ${this.#bare(s.value)};\n`;
    if (place.wide) return `${pad}${s.buffer}[${this.#quarter(s.index)}] = ${this.#bare(s.value)};\n`;
    const value = s.value.k === "var" ? s.value.name : `(${this.#bare(s.value)})`;
    const at = this.#expr(s.index);
    return [0, 1, 2, 3].map((i) => `${pad}${s.buffer}[${at}${i ? ` + ${i}` : ""}] = ${value}.${"xyzw"[i]};\n`).join("");
  }

  #place(name: string): Place {
    const p = this.#places.get(name);
    if (!p) throw new RangeError(`kernel ${this.#kernel.name} has no buffer ${name}`);
    return p;
  }

  #quarter(index: Expr): string {
    if (index.k === "lit") return String(index.value / 4);
    if (index.k === "bin" && index.fn === "mul" && index.b.k === "lit" && index.b.value % 4 === 0)
      return index.b.value === 4 ? this.#bare(index.a) : `${this.#expr(index.a)} * ${index.b.value / 4}`;
    return `${this.#expr(index)} >> 2u`;
  }

  /** An operand: parenthesised when it is not one token or call. */
  #expr(e: Expr): string {
    const text = this.#bare(e);
    return e.k === "bin" && !/^(min|max|pow|select)/.test(text) && !text.startsWith("m_") || (e.k === "un" && (e.fn === "neg" || e.fn === "not")) || (e.k === "lit" && e.value < 0)
      ? `(${text})` : text;
  }

  #bare(e: Expr): string {
    switch (e.k) {
      case "lit": return literalText(e.value, e.type);
      case "var": return e.name;
      case "dim": return `dims.d_${e.name}`;
      case "load": return this.#load(e);
      case "un": return this.#unary(e);
      case "bin": return this.#binary(e);
      case "fma": return `fma(${this.#bare(e.a)}, ${this.#bare(e.b)}, ${this.#bare(e.c)})`;
      case "select": return `select(${this.#bare(e.b)}, ${this.#bare(e.a)}, ${this.#bare(e.cond)})`;
      case "cast": return `${typeName(e.type)}(${this.#bare(e.a)})`;
      case "bitcast": return `bitcast<${typeName(e.type)}>(${this.#bare(e.a)})`;
      case "splat": return `${typeName(e.type)}(${this.#bare(e.a)})`;
      case "lane": return `${this.#expr(e.a)}.${"xyzw"[e.lane]}`;
      case "vec": return `${typeName(e.type)}(${e.parts.map((p) => this.#bare(p)).join(", ")})`;
      case "builtin": return this.#builtin(e.name);
      case "subgroup": return `${e.fn === "add" ? "subgroupAdd" : "subgroupMax"}(${this.#bare(e.a)})`;
    }
  }

  #builtin(name: string): string {
    if (name.startsWith("group_")) {
      this.#params.add("group_x");
      return `i32(group.${name[6]})`;
    }
    if (name === "local_x") {
      this.#params.add("local_x");
      return "i32(local.x)";
    }
    if (name === "subgroup_lane" || name === "subgroup_size") {
      this.#params.add(name);
      return `i32(${name})`;
    }
    if (name === "subgroup_id") {
      this.#params.add("local_x");
      this.#params.add("subgroup_size");
      return "i32(local.x / subgroup_size)";
    }
    throw new RangeError(`${name} does not exist on a GPU`);
  }

  /** What is stored as f16 is computed in f32. */
  #load(e: Extract<Expr, { k: "load" }>): string {
    const text = this.#stored(e);
    return this.#place(e.buffer).element === "f16" && e.type.scalar === "f32" && !text.startsWith("vec4<f32>(") ? `${typeName(e.type)}(${text})` : text;
  }

  #stored(e: Extract<Expr, { k: "load" }>): string {
    const { wide, element } = this.#place(e.buffer);
    const each = element === "f16" && e.type.scalar === "f32" ? (text: string): string => `f32(${text})` : (text: string): string => text;
    if (e.type.lanes === 4) {
      if (wide) return `${e.buffer}[${this.#quarter(e.index)}]`;
      const at = this.#expr(e.index);
      return `${typeName(e.type)}(${[0, 1, 2, 3].map((i) => each(`${e.buffer}[${at}${i ? ` + ${i}` : ""}]`)).join(", ")})`;
    }
    if (!wide) return `${e.buffer}[${this.#bare(e.index)}]`;
    if (e.index.k === "lit") return `${e.buffer}[${Math.floor(e.index.value / 4)}].${"xyzw"[e.index.value % 4]}`;
    const at = this.#expr(e.index);
    return `${e.buffer}[${at} >> 2u][${at} & 3]`;
  }

  #unary(e: Extract<Expr, { k: "un" }>): string {
    if (e.fn === "neg") return `-${this.#expr(e.a)}`;
    if (e.fn === "not") return `!${this.#expr(e.a)}`;
    if (e.fn === "rsqrt") return `inverseSqrt(${this.#bare(e.a)})`;
    if (mathNames.has(e.fn)) return `${this.#mathName(e.fn, e.type)}(${this.#bare(e.a)})`;
    return `${e.fn}(${this.#bare(e.a)})`;
  }

  #mathName(fn: string, type: ValueType): string {
    const name = `m_${fn}${type.lanes === 4 ? "4" : ""}`;
    this.#math.add(name);
    return name;
  }

  #binary(e: Extract<Expr, { k: "bin" }>): string {
    const a = this.#expr(e.a), b = this.#expr(e.b);
    switch (e.fn) {
      case "min": case "max": return `${e.fn}(${this.#bare(e.a)}, ${this.#bare(e.b)})`;
      case "pow": return `${this.#mathName("pow", e.type)}(${this.#bare(e.a)}, ${this.#bare(e.b)})`;
      case "idiv": case "imod": {
        const shift = e.b.k === "lit" ? Math.log2(e.b.value) : NaN;
        if (Number.isInteger(shift) && e.b.k === "lit") return e.fn === "idiv" ? `${a} >> ${shift}u` : `${a} & ${e.b.value - 1}`;
        return `${a} ${e.fn === "idiv" ? "/" : "%"} ${b}`;
      }
      case "shl": case "shr": return `${a} ${e.fn === "shl" ? "<<" : ">>"} u32(${this.#bare(e.b)})`;
      case "and": return e.type.lanes === 4 ? `${a} & ${b}` : `${a} && ${b}`;
      case "or": return e.type.lanes === 4 ? `${a} | ${b}` : `${a} || ${b}`;
      default: return `${a} ${infix[e.fn]} ${b}`;
    }
  }
}

function typeName(t: ValueType): string {
  return t.lanes === 4 ? `vec4<${t.scalar}>` : t.scalar;
}

/** The shortest decimal that reads back as the same f32. */
export function literalText(value: number, type: ValueType): string {
  if (type.scalar === "bool") return value ? "true" : "false";
  if (type.scalar === "u32") return `${value}u`;
  if (type.scalar === "i32") {
    if (!Number.isInteger(value)) throw new RangeError(`${value} is no i32 literal`);
    return String(value);
  }
  if (!Number.isFinite(value)) throw new RangeError("a shader cannot contain NaN or infinity");
  const f = Math.fround(value);
  if (Math.abs(f) >= 3.4e38) return `${f < 0 ? "-" : ""}0x1.fffffep+127f`;
  let text = f.toPrecision(9);
  for (let p = 1; p < 9; p++) {
    const short = f.toPrecision(p);
    if (Math.fround(Number(short)) === f) {
      text = short;
      break;
    }
  }
  text = text.replace("e+", "e");
  return `${/[.e]/.test(text) ? text : `${text}.0`}${type.scalar === "f16" ? "h" : "f"}`;
}

interface Access { wide: number; scalar: number; scalarStores: number; wideStores: number; unaligned: number }

function accesses(body: readonly Stmt[]): Map<string, Access> {
  const out = new Map<string, Access>();
  const of = (name: string): Access => {
    let a = out.get(name);
    if (!a) out.set(name, (a = { wide: 0, scalar: 0, scalarStores: 0, wideStores: 0, unaligned: 0 }));
    return a;
  };
  const expr = (e: Expr): void => {
    if (e.k === "load") {
      const a = of(e.buffer);
      if (e.type.lanes === 1) a.scalar++;
      else if (e.aligned) a.wide++;
      else a.unaligned++;
    }
    operands(e).forEach(expr);
  };
  const visit = (s: Stmt): void => {
    switch (s.k) {
      case "let": case "set": return expr(s.value);
      case "var": return s.init && expr(s.init);
      case "store": {
        const a = of(s.buffer);
        if (s.value.type.lanes === 1) a.scalarStores++;
        else if (s.aligned) a.wideStores++;
        else a.unaligned++;
        expr(s.index);
        return expr(s.value);
      }
      case "for": expr(s.from), expr(s.to); return s.body.forEach(visit);
      case "if": expr(s.cond); s.then.forEach(visit); return s.otherwise?.forEach(visit);
      default: return;
    }
  };
  body.forEach(visit);
  return out;
}

function isWide(b: KernelBuffer, access: ReadonlyMap<string, Access>): boolean {
  if (b.vec4 !== undefined) return b.vec4;
  const a = access.get(b.name);
  return a !== undefined && a.wide + a.wideStores > 0 && a.scalarStores === 0 && a.unaligned === 0;
}
