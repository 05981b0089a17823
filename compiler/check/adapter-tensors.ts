/**
 * The tensors of an adapter directory against what its placement needs: missing, left over, of another shape or dtype,
 * made for another width, another architecture or more layers. Only headers are read.
 */
import { configOf } from "../../formats/adapter-directory.ts";
import type { CheckpointHeader, TensorHeader } from "../../formats/checkpoint.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import { closeNames } from "../diagnostics/suggest.ts";
import { Template, type FormatReader, type FormatScope } from "./adapter-format.ts";
import type { StoredParts } from "./stored-parts.ts";
import { modulesOf, type Base, type ModuleInstance, type ParamInstance } from "./values.ts";

/** One tensor that a placed parameter needs. */
export interface NeededTensor {
  readonly tensor: string;
  readonly shape: readonly number[];
  /** Per axis: does its size come from the base (an input or output width), or from an argument? */
  readonly fromBase: readonly boolean[];
  readonly param: string;
  readonly module: ModuleInstance;
  /** Whole numbers (`i32` in the method), whatever width the file has; else floats. */
  readonly whole?: boolean;
  /** Where the method declares it. */
  readonly declared: Span;
}

/** A tensor of the directory that takes the place of a parameter of the base. */
export interface Replacement { readonly param: ParamInstance; readonly module: ModuleInstance; readonly header: TensorHeader }

export interface TensorCheck {
  readonly replacements: readonly Replacement[];
  /** Was anything reported, or left to the report of the names that caused it? */
  readonly faulty: boolean;
  /** The directory is for modules this base does not have, which explains everything else. */
  readonly foreign: boolean;
}

/** Dtypes of weights that compute in f32 without a change of value. */
const weightTypes = ["f32", "f16", "bf16"];
/** Dtypes of whole numbers that fit i32 where their values do; others are reported when they are read. */
const wholeTypes = ["i32", "i64", "i16", "i8", "u16", "u8"];

/** A format, and the part of the directory's config that it read. */
export interface ReadPart { readonly reader: FormatReader; readonly scope: FormatScope }

export interface TensorCheckInput {
  readonly header: CheckpointHeader;
  readonly base: Base;
  readonly needed: readonly NeededTensor[];
  /** Empty for a directory that no format of the library reads: tensors are `{site}.{param}`. */
  readonly readers: readonly ReadPart[];
  /** The string with the directory. */
  readonly at: Span;
  /** Sites were chosen in the text: tensors for other modules are reported as unused, not as faults. */
  readonly chosen: boolean;
  /** Names in the config that fit nothing explain tensors that nothing uses; they are reported instead. */
  readonly misnamed: boolean;
  /** Tensors that are there in parts. */
  readonly parts?: StoredParts;
  readonly diagnostics: Diagnostics;
}

export function checkTensors(input: TensorCheckInput): TensorCheck {
  const checker = new Checker(input);
  return checker.check();
}

class Checker {
  private faulty = false;
  private readonly used = new Set<string>();
  private readonly modules: ReadonlyMap<string, ModuleInstance>;
  private readonly input: TensorCheckInput;

  constructor(input: TensorCheckInput) {
    this.input = input;
    this.modules = new Map(modulesOf(input.base.root).map((m) => [m.key, m]));
  }

  check(): TensorCheck {
    const { needed, header } = this.input;
    const present = needed.filter((n) => header.tensors.has(n.tensor));
    const inParts = new Map(needed.flatMap((n) => { const found = this.input.parts?.of(n.tensor); return found ? [[n.tensor, found.tensors] as const] : []; }));
    const missing = needed.filter((n) => !header.tensors.has(n.tensor) && !inParts.has(n.tensor));
    for (const n of [...present.map((p) => p.tensor), ...[...inParts.values()].flat()]) this.used.add(n);
    const replacements = this.replacements();
    // A tensor without elements says nothing (a rank that was pruned to 0).
    const left = [...header.tensors.values()].filter((t) => !this.used.has(t.name) && !t.shape.includes(0));
    // Tensors of modules that do not exist explain the missing ones, so they are reported alone.
    // A file without a config may hold tensors of other declarations.
    const explained = configOf(header) !== undefined && this.leftOver(left);
    this.shapes(present);
    if (!explained) this.missing(missing, left);
    const floats = present.filter((n) => !n.whole).map((n) => header.tensors.get(n.tensor)!);
    this.dtypes([...floats, ...replacements.map((r) => r.header)], weightTypes);
    this.dtypes(present.filter((n) => n.whole).map((n) => header.tensors.get(n.tensor)!), wholeTypes);
    return { replacements, faulty: this.faulty, foreign: explained };
  }

  private replacements(): Replacement[] {
    const { header } = this.input;
    const out: Replacement[] = [];
    const replaces = this.templates("replaces"), ignores = this.templates("ignores");
    for (const t of header.tensors.values()) {
      if (this.used.has(t.name)) continue;
      for (const template of replaces) {
        const m = template.match(t.name);
        const module = m && this.modules.get(m.module);
        const param = m && module?.params.get(m.param);
        if (!module || !param) continue;
        this.used.add(t.name);
        if (this.sameShape(t, param, module)) out.push({ param, module, header: t });
        break;
      }
      if (!this.used.has(t.name) && ignores.some((i) => { const m = i.match(t.name); return m && (!i.namesModule || this.modules.has(m.module)); })) this.used.add(t.name);
    }
    return out;
  }

  private templates(word: "replaces" | "ignores"): readonly Template[] {
    return this.input.readers.flatMap(({ reader, scope }) => reader.templates(word, scope));
  }

  private sameShape(t: TensorHeader, param: ParamInstance, module: ModuleInstance): boolean {
    const want = param.dims.map((d) => (d.dim.length === 1 && d.dim[0]!.factors.length === 0 ? d.dim[0]!.coef : undefined));
    const equal = want.length === t.shape.length && want.every((w, i) => w === undefined || w === t.shape[i]);
    if (!equal)
      this.report(() => this.input.diagnostics.report("A0619", {
        at: this.input.at, tensor: t.name, expected: shapeText(want.map((w) => w ?? 0)), found: shapeText(t.shape), count: 1,
        declared: this.input.base.because, declaredLabel: `\`${module.path}\` of this base sets the shape`,
        help: "the base was changed before training (a resized vocabulary?); use the base it was trained on",
      }));
    return equal;
  }

  /** Reports tensors nothing uses, by their cause; true when the cause is that this is not the adapter's base. */
  private leftOver(left: readonly TensorHeader[]): boolean {
    if (left.length === 0) return false;
    const { diagnostics, at, base, readers: [{ reader } = {}], header } = this.input;
    const places = left.map((t) => ({ t, module: this.moduleOf(t.name) }));
    const strangers = places.filter((p) => p.module !== undefined && !this.modules.has(p.module));
    const beyond = strangers.filter((p) => this.layerBeyond(p.module!) !== undefined);
    if (beyond.length > 0 && beyond.length === strangers.length) {
      const most = Math.max(...beyond.map((p) => this.layerBeyond(p.module!)!.index)) + 1;
      const has = this.layerBeyond(beyond[0]!.module!)!.count;
      this.report(() => diagnostics.report("A0604", {
        at, base: base.because, expected: `${has} layers`, found: `${most} layers`, tensor: beyond[0]!.t.name, count: beyond.length,
      }));
      return true;
    }
    if (strangers.length > 0) {
      const first = strangers[0]!;
      const close = closeNames(first.module!, [...this.modules.keys()]);
      this.report(() => diagnostics.report("A0603", {
        at, base: base.because, tensors: strangers.map((p) => p.t.name),
        body: `${strangers.length === 1 ? "A tensor of it is" : `${strangers.length} of its ${header.tensors.size} tensors are`} for modules that \`${base.name}\` does not have; \`${first.module}\` is the first.`,
        help: close.length > 0 ? `the base has \`${close[0]}\`; check which base the adapter was trained on` : `check which base the adapter was trained on: \`${base.name}\` is ${aName(base)}`,
      }));
      return true;
    }
    const unnamed = places.filter((p) => p.module === undefined);
    if (unnamed.length > 0)
      this.report(() => diagnostics.report("A0628", {
        at, file: unnamed[0]!.t.file, tensor: unnamed[0]!.t.name, count: unnamed.length,
        body: reader ? `No clause of \`format ${reader.declaration.name.text} for ${reader.declaration.target.text}\` names it.` : "Tensors of this method are named by a module of the base and a parameter of the method.",
      }));
    const spare = places.filter((p) => p.module !== undefined);
    if (spare.length > 0) {
      const first = spare[0]!;
      if (this.input.chosen)
        diagnostics.report("A0629", { at, tensor: first.t.name, count: spare.length, reason: "They are for modules that the selector in the text does not name." });
      else if (this.input.misnamed) this.faulty = true;
      else
        this.report(() => diagnostics.report("A0606", {
          at, tensor: first.t.name, file: first.t.file, shape: shapeText(first.t.shape), count: spare.length,
          body: `\`${first.module}\` is a module of \`${base.name}\`, but the config of the adapter does not make it use ${spare.length === 1 ? "this tensor" : "these tensors"}:`,
        }));
    }
    return false;
  }

  /** The module a tensor of the directory is for, by the format's templates, whether or not it exists. */
  private moduleOf(tensor: string): string | undefined {
    const { readers } = this.input;
    const own = readers.length > 0 ? readers.flatMap(({ reader }) => reader.siteTemplates()) : [new Template("{module}.{param}")];
    for (const template of own) {
      const m = template.match(tensor);
      if (m) return template.namesModule ? m.module : this.longestModule(tensor);
    }
    for (const template of [...this.templates("ignores"), ...this.templates("replaces")]) {
      const m = template.match(tensor);
      // The last part is a parameter only of a module that has one of this name; otherwise no clause fits the tensor.
      if (m && (this.modules.get(m.module)?.params.has(m.param) || this.layerBeyond(m.module))) return m.module;
    }
    return undefined;
  }

  /** The innermost module that a name begins with, or the layer it names where there are fewer. */
  private longestModule(tensor: string): string | undefined {
    const parts = tensor.split(".");
    for (let n = parts.length - 1; n > 0; n--) {
      const path = parts.slice(0, n).join(".");
      if (this.modules.has(path) || (/^\d+$/.test(parts[n - 1]!) && this.layerBeyond(path))) return path;
    }
    return undefined;
  }

  /** A path that would exist if a list of modules were longer. */
  private layerBeyond(path: string): { readonly index: number; readonly count: number } | undefined {
    const parts = path.split(".");
    for (let i = 0; i < parts.length; i++) {
      if (!/^\d+$/.test(parts[i]!)) continue;
      const parent = this.modules.get(parts.slice(0, i - 1).join("."));
      const list = parent?.children.get(parts[i - 1] ?? "");
      if (!Array.isArray(list) || list.length === 0) continue;
      const index = Number(parts[i]);
      const like = [...parts.slice(0, i), String(list.length - 1)].join(".");
      if (index >= list.length && this.modules.has(like)) return { index, count: list.length };
    }
    return undefined;
  }

  private missing(missing: readonly NeededTensor[], left: readonly TensorHeader[]): void {
    const [first] = missing;
    if (!first) return;
    const { diagnostics, at, header } = this.input;
    this.report(() => diagnostics.report("A0605", {
      at, tensor: first.tensor, file: header.files[0]?.file ?? header.path, shape: shapeText(first.shape), count: missing.length,
      needed: first.declared, neededLabel: `\`${first.param}\` is needed at \`${first.module.path || "the base"}\``, candidates: left.map((t) => t.name),
    }));
  }

  private shapes(present: readonly NeededTensor[]): void {
    const { header, diagnostics, at, base } = this.input;
    const wrong = present.filter((n) => !equalShape(n.shape, header.tensors.get(n.tensor)!.shape));
    const width = wrong.filter((n) => {
      const found = header.tensors.get(n.tensor)!.shape;
      return found.length === n.shape.length && n.shape.every((s, i) => s === found[i] || n.fromBase[i]);
    });
    const other = wrong.filter((n) => !width.includes(n));
    const show = (n: NeededTensor) => ({ tensor: n.tensor, expected: shapeText(n.shape), found: shapeText(header.tensors.get(n.tensor)!.shape) });
    if (width.length > 0)
      this.report(() => diagnostics.report("A0601", {
        at, ...show(width[0]!), count: width.length, base: base.because, baseLabel: `the widths of \`${base.name}\` come from here`,
        help: `check that the adapter was trained on \`${base.name}\``,
      }));
    if (other.length > 0)
      this.report(() => diagnostics.report("A0619", {
        at, ...show(other[0]!), count: other.length, declared: other[0]!.declared, declaredLabel: `\`${other[0]!.param}\` is declared here`,
        help: "the adapter's config and its tensors disagree; one of the two files was changed",
      }));
  }

  private dtypes(tensors: readonly TensorHeader[], known: readonly string[]): void {
    const wrong = tensors.find((t) => !known.includes(t.dtype));
    if (wrong) this.report(() => this.input.diagnostics.report("A0608", { at: this.input.at, file: wrong.file, tensor: wrong.name, dtype: wrong.dtype, known }));
  }

  private report(make: () => void): void {
    this.faulty = true;
    make();
  }
}

export const shapeText = (shape: readonly number[]): string => `[${shape.join(", ")}]`;
const equalShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((x, i) => x === b[i]);
const aName = (base: Base): string => `a ${base.architecture.declaration.name.text}`;
