/** A checked program: its bases, adapters and models, each understood when it is first asked for. */
import type { CheckpointHeader, Host } from "../formats/checkpoint.ts";
import type { Span } from "./base/source.ts";
import { Diagnostics } from "./diagnostics/diagnostic.ts";
import type { DeclarationOf, Expr, ExprOf, StringLit } from "./syntax/ast.ts";
import { faultless } from "./check/adapter-format.ts";
import type { Formats } from "./check/formats.ts";
import { matchArguments } from "./check/arguments.ts";
import { builtBase, openBase, type BaseContext } from "./check/bases.ts";
import { Checkpoints } from "./check/checkpoints.ts";
import { inputOf, type ProgramInput } from "./check/inputs.ts";
import { modelTerm } from "./check/model-reader.ts";
import { adaptersOfModel, type ModelTerm } from "./check/models.ts";
import { mergeOf, mergeParts, type MergeDefinition, type MergingContext } from "./check/merging.ts";
import { differenceAdapter } from "./base-difference.ts";
import { mergedAdapter, mergedBase } from "./merged-parts.ts";
import { generatedAdapter, readGenerator, type GeneratorContext, type KeyReads } from "./check/generators.ts";
import { directoriesOf, fromClauses, pretrainedPath } from "./check/directories.ts";
import { checkNames } from "./check/names.ts";
import { declaredOf, type Part } from "./check/parts.ts";
import { placeAdapter, placeJoining, type PlacedAdapter, type PlacementContext } from "./check/placement.ts";
import type { ModulePorts } from "./check/ports.ts";
import { bindRouter, readRouter, type Router, type RouterContext } from "./check/routers.ts";
import { Scope } from "./check/scope.ts";
import { TreeBuilder } from "./check/tree.ts";
import { describe, type Base, type Declared, type ModuleInstance } from "./check/values.ts";
import { Interpreter } from "./elaborate/interpreter.ts";
import { basePorts, type BasePorts } from "./elaborate/ports.ts";
import { declarationsOf, formatsOf, loadLibrary, namesOf, standardHome, type Library } from "./library.ts";

/** A model a file exports. */
export interface ExportedModel { readonly name: string; readonly model: ModelTerm }

export interface Program {
  readonly library: Library;
  readonly bases: readonly Base[];
  readonly adapters: readonly PlacedAdapter[];
  readonly models: readonly ExportedModel[];
  /** Files of routers and of what joins adapters, by the name under which the graph's params refer to them. */
  readonly files: ReadonlyMap<string, CheckpointHeader>;
}

/** Reads and checks a program; undefined when the entry file cannot be read. */
export async function checkProgram(entry: string, host: Host, diagnostics: Diagnostics): Promise<Program | undefined> {
  const library = await loadLibrary(entry, host, diagnostics);
  if (!library) return undefined;
  const checkpoints = new Checkpoints(diagnostics);
  await checkpoints.open(library.own.flatMap((u) => u.file.declarations.flatMap(directoriesOf)), host);
  return new ProgramChecker(library, checkpoints, diagnostics).check();
}

class ProgramChecker {
  private readonly library: Library;
  private readonly checkpoints: Checkpoints;
  private readonly diagnostics: Diagnostics;
  private readonly interpreter: Interpreter;
  private readonly formats: Formats;
  private readonly known = new Map<object, Part>();
  private readonly pending: { readonly name: string; readonly span: Span; readonly declaration: object }[] = [];
  private readonly used = new Set<PlacedAdapter>();
  private readonly merges: MergeDefinition[] = [];
  /** Ports of modules, by the root of their base. */
  private readonly ports = new Map<ModuleInstance, BasePorts>();

  constructor(library: Library, checkpoints: Checkpoints, diagnostics: Diagnostics) {
    this.library = library;
    this.checkpoints = checkpoints;
    this.diagnostics = diagnostics;
    this.interpreter = new Interpreter(diagnostics);
    this.formats = formatsOf(library);
  }

  check(): Program {
    const { declarations } = this.library.entry.file;
    for (const u of this.library.own) for (const d of u.file.declarations) checkNames(d, u.scope, this.diagnostics);
    for (const { as } of this.library.own.flatMap((u) => u.file.declarations.flatMap(fromClauses)))
      if (as) this.diagnostics.report("A0109", { at: as.span, what: `rounding weights \`as ${as.text}\``, help: "leave it out: files of f32, f16 and bf16 are read exactly" });
    const bases: Base[] = [], adapters: PlacedAdapter[] = [], models: ExportedModel[] = [];
    for (const d of declarations) {
      if (d.kind !== "Base" && d.kind !== "Adapter" && d.kind !== "Model" && d.kind !== "Input" && d.kind !== "Let" && d.kind !== "RouterInstance" && d.kind !== "GeneratorInstance") continue;
      const part = this.part({ declaration: d, home: this.library.entry.scope }, d.name.span);
      if (part.kind === "base") {
        bases.push(part.base);
        if (d.exported) models.push({ name: d.name.text, model: { kind: "adapted", base: part.base, adapters: { kind: "none", span: d.span }, span: d.span } });
      } else if (part.kind === "adapter") adapters.push(part.adapter);
      else if (part.kind === "model") {
        for (const a of adaptersOfModel(part.model)) this.used.add(a);
        if (d.exported) models.push({ name: d.name.text, model: part.model });
      }
    }
    for (const d of declarations) {
      const part = this.known.get(d);
      if (d.kind === "Adapter" && part?.kind === "adapter" && !d.exported && !this.used.has(part.adapter)) this.diagnostics.report("A0110", { at: d.name.span, name: d.name.text });
    }
    this.unusedImports();
    const files = new Map([...this.known.values()].flatMap((p) =>
      p.kind === "router" && p.router.file ? [[p.router.name, p.router.file.header] as const]
        : p.kind === "model" ? adaptersOfModel(p.model).filter((a) => !adapters.includes(a)).map((a) => [a.source, a.header] as const) : []));
    for (const { file } of this.merges) if (file) files.set(file.source, file.header);
    return { library: this.library, bases, adapters, models, files };
  }

  private part(declared: Declared, at: Span): Part {
    const { declaration } = declared;
    const known = this.known.get(declaration);
    if (known) return known;
    const circle = this.pending.findIndex((p) => p.declaration === declaration);
    if (circle >= 0) {
      this.diagnostics.report("A0112", { at: this.pending[circle]!.span, chain: this.pending.slice(circle + 1).map(({ name, span }) => ({ name, span })) });
      return { kind: "poison" };
    }
    this.pending.push({ name: declaration.name.text, span: declaration.name.span, declaration });
    const made = faultless(declaration.name, this.diagnostics, () => this.understood(declared, at)) ?? { kind: "poison" };
    this.pending.pop();
    this.known.set(declaration, made);
    return made;
  }

  private understood({ declaration: d, home }: Declared, at: Span): Part {
    switch (d.kind) {
      case "Base": {
        const base = this.base(d, home);
        return base ? { kind: "base", base } : { kind: "poison" };
      }
      case "Adapter": {
        const parts = mergeParts(d.value);
        if (parts) {
          const definition = mergeOf(d.name.text, "adapter", parts, d.value.span, this.merging(home));
          if (definition) this.merges.push(definition);
          const adapter = definition && mergedAdapter(definition, d.name.span, this.diagnostics);
          return adapter ? { kind: "adapter", adapter } : { kind: "poison" };
        }
        const adapter = placeAdapter(d.name.text, d.name.span, d.value, this.placement(home));
        return adapter ? { kind: "adapter", adapter } : { kind: "poison" };
      }
      case "Model": {
        const model = modelTerm(d.value, {
          partNamed: (n, s) => {
            const part = this.named(n, s, home);
            // A model with a fault still uses what it names.
            if (part.kind === "adapter") this.used.add(part.adapter);
            return part;
          },
          requestField: (n, s) => this.requestField(n, s, home),
          router: (e) => this.router(e, home),
          bindRouter: (use) => bindRouter(use, this.routing(home)),
          placeJoining: (name, joining) => placeJoining(name, joining, this.placement(home)),
          generatorNamed: (n, s) => {
            const part = this.isGenerator(n, home) ? this.named(n, s, home) : undefined;
            return part?.kind === "poison" ? "reported" : part?.kind === "generator" ? part.generator : undefined;
          },
          generated: (generator, keys, at) => generatedAdapter(generator, keys, at, this.placement(home)),
          keyReads: () => this.keyReads(home),
          home, value: (e) => this.interpreter.evaluate(e, home), inputs: () => this.inputs(), diagnostics: this.diagnostics,
        });
        return model ? { kind: "model", model } : { kind: "poison" };
      }
      case "Input": {
        const input = inputOf(d, this.diagnostics);
        return input ? { kind: "input", input } : { kind: "poison" };
      }
      case "RouterInstance": {
        const router = readRouter(d.name.text, d.name.span, d.value, this.routing(home));
        return router ? { kind: "router", router } : { kind: "poison" };
      }
      case "Let": {
        const value = this.interpreter.lets.value({ declaration: d, home }, this.interpreter);
        if (value.kind === "poison") return { kind: "poison" };
        return value.kind === "int" || value.kind === "float" ? { kind: "number", value: value.value } : { kind: "other", what: describe(value), declared: at };
      }
      case "GeneratorInstance": {
        const generator = readGenerator(d.name.text, d.name.span, d.value, this.generating(home));
        return generator ? { kind: "generator", generator } : { kind: "poison" };
      }
      default:
        return { kind: "other", what: d.kind.toLowerCase(), declared: at };
    }
  }

  private base(d: DeclarationOf<"Base">, home: Scope): Base | undefined {
    const parts = mergeParts(d.value);
    if (parts) {
      const definition = mergeOf(d.name.text, "base", parts, d.value.span, this.merging(home));
      if (definition) this.merges.push(definition);
      // Its tree is that of the first member, read again under its own name.
      const own = definition && this.opened(d.name.text, definition.members[0]!.of.because, definition.members[0]!.of.path);
      return own && mergedBase(definition, own, this.diagnostics);
    }
    const path = d.value.kind === "Call" ? pretrainedPath(d.value) : undefined;
    if (!path && d.value.kind === "From") return this.built(d.name.text, d.value.what, d.value, home);
    if (!path && d.value.kind === "Call" && this.isArchitecture(d.value.callee, home)) return this.built(d.name.text, d.value, { span: d.value.span }, home);
    if (!path) {
      this.diagnostics.report("A0109", { at: d.value.span, what: d.value.kind === "Of" || d.value.kind === "RelativeTo" ? "a merge of bases" : "a base like this", ...(d.value.kind === "Call" ? { help: 'write `pretrained("./directory")`' } : {}) });
      return undefined;
    }
    return this.opened(d.name.text, path.span, path.value);
  }

  private opened(name: string, span: Span, path: string): Base | undefined {
    return openBase(name, { kind: "String", value: path, span }, this.baseContext());
  }

  private isArchitecture(callee: Expr, home: Scope): boolean {
    const found = callee.kind === "Ref" ? home.lookup(callee.name) : undefined;
    return found?.kind === "declared" && found.declared.declaration.kind === "Architecture";
  }

  /** `Architecture(args) from "file"`: a base of tensors that have no config. An argument may be another base, for its modules. */
  private built(name: string, call: Expr, value: { readonly span: Span; readonly path?: StringLit }, home: Scope): Base | undefined {
    const found = call.kind === "Call" && call.callee.kind === "Ref" ? home.lookup(call.callee.name) : undefined;
    if (call.kind !== "Call" || found?.kind !== "declared" || found.declared.declaration.kind !== "Architecture") {
      this.diagnostics.report("A0109", { at: value.span, what: "a base like this", help: 'write `pretrained("./directory")`, or an architecture with its arguments' });
      return undefined;
    }
    const architecture = found.declared as Declared<"Architecture">;
    const { params, name: own } = architecture.declaration;
    const named = this.withBases(home);
    const given = call.args.map((a) => ({ ...(a.name ? { name: a.name } : {}), value: this.interpreter.evaluate(a.value, named), span: a.span }));
    const matched = given.some((g) => g.value.kind === "poison") ? undefined : matchArguments(own.text, params, given, own.span, this.diagnostics);
    if (!matched) return undefined;
    const scope = new Scope(architecture.home);
    for (const p of params) {
      const arg = matched.get(p.name.text) ?? (p.default && this.interpreter.evaluate(p.default, scope));
      if (!arg) {
        this.diagnostics.report("A0201", { at: call.span, name: p.name.text, callee: own.text, declared: p.span });
        return undefined;
      }
      scope.set(p.name.text, arg);
    }
    const args = new Map(params.map((p) => [p.name.text, scope.lookup(p.name.text)!]));
    return builtBase(name, architecture, args, value, this.baseContext());
  }

  /** A scope in which the bases of the program are their modules. */
  private withBases(home: Scope): Scope {
    const scope = home.child();
    for (const d of this.library.entry.file.declarations)
      if (d.kind === "Base")
        scope.set(d.name.text, {
          kind: "lazy", because: d.name.span, force: () => {
            const part = this.part({ declaration: d, home: this.library.entry.scope }, d.name.span);
            return part.kind === "base" ? { kind: "module", module: part.base.root, because: d.name.span } : { kind: "poison", because: d.name.span };
          },
        });
    return scope;
  }

  private baseContext(): BaseContext {
    return {
      diagnostics: this.diagnostics, architectures: (reading) => declarationsOf(this.library, "Architecture", reading),
      checkpoint: (p) => this.checkpoint(p, "base"),
      evaluate: (e, scope) => this.interpreter.evaluate(e, scope), condition: (e, scope) => this.interpreter.condition(e, scope),
    };
  }

  private merging(home: Scope): MergingContext {
    const { baseNamed, formats } = this.placement(home);
    return {
      diagnostics: this.diagnostics, evaluate: (e) => this.interpreter.evaluate(e, home), baseNamed, formats,
      checkpoint: (path) => this.checkpoint(path, "adapter"), difference: (parts) => differenceAdapter(parts, this.diagnostics),
      mergeNamed: (name, at) => this.declared(name, at, home, "Merge", "merge", (candidates, from) =>
        this.diagnostics.report("A0513", { at, name, candidates: [...new Set(candidates)], ...(from ? { importFrom: from } : {}) })),
      memberNamed: (name, at) => {
        const part = this.named(name, at, home);
        if (part.kind === "adapter") this.used.add(part.adapter);
        if (part.kind === "adapter") return part.adapter;
        if (part.kind === "base") return part.base;
        if (part.kind !== "poison") this.diagnostics.report("A0108", { at, name, expected: "adapter or base", found: part.kind === "other" ? part.what : part.kind });
        return undefined;
      },
    };
  }

  private checkpoint(path: StringLit, kind: "base" | "adapter"): CheckpointHeader | undefined {
    return this.checkpoints.get(path, kind);
  }

  private named(name: string, at: Span, home: Scope): Part {
    const found = home.lookup(name);
    if (!found) {
      this.diagnostics.report("A0105", { at, name, candidates: this.library.entry.file.declarations.map((d) => d.name.text) });
      return { kind: "poison" };
    }
    if (found.kind === "declared") return this.part(found.declared, at);
    return found.kind === "poison" ? { kind: "poison" } : { kind: "other", what: describe(found), declared: found.because };
  }

  /** The router of a route: a name of the program, or a call of a declaration. */
  private router(e: Expr, home: Scope): Router | undefined {
    if (e.kind !== "Ref") return readRouter(e.kind === "Call" && e.callee.kind === "Ref" ? e.callee.name : "router", e.span, e, this.routing(home));
    const part = this.named(e.name, e.span, home);
    if (part.kind === "router") return part.router;
    if (part.kind === "other" && part.what === "routerdecl") return readRouter(e.name, e.span, e, this.routing(home));
    if (part.kind !== "poison") this.diagnostics.report("A0108", { at: e.span, name: e.name, expected: "router", found: part.kind === "other" ? part.what : part.kind, ...declaredOf(part) });
    return undefined;
  }

  private routing(home: Scope): RouterContext {
    return {
      ...this.placement(home),
      routerNamed: (name, at) => this.declared(name, at, home, "RouterDecl", "router"),
    };
  }

  private isGenerator(name: string, home: Scope): boolean {
    const found = home.lookup(name);
    return found?.kind === "declared" && found.declared.declaration.kind === "GeneratorInstance";
  }

  private generating(home: Scope): GeneratorContext {
    return {
      ...this.placement(home),
      generatorNamed: (name, at) => this.declared(name, at, home, "GeneratorDecl", "generator"),
    };
  }

  /** Bases and inputs of the program, for the key of a generator. */
  private keyReads(home: Scope): KeyReads {
    const bases = this.library.entry.file.declarations.flatMap((d) => {
      const part = d.kind === "Base" ? this.part({ declaration: d, home: this.library.entry.scope }, d.name.span) : undefined;
      return part?.kind === "base" ? [[d.name.text, part.base] as const] : [];
    });
    return { home, bases: new Map(bases), inputs: this.inputs() };
  }

  /** Inputs of the program by name; those with faults were reported. */
  private inputs(): ReadonlyMap<string, ProgramInput> {
    const { file, scope } = this.library.entry;
    return new Map(file.declarations.flatMap((d) => {
      const part = d.kind === "Input" ? this.part({ declaration: d, home: scope }, d.name.span) : undefined;
      return part?.kind === "input" ? [[part.input.name, part.input] as const] : [];
    }));
  }

  /** The input behind `request.f`. */
  private requestField(name: string, at: Span, home: Scope): ProgramInput | undefined {
    const found = home.lookup(name);
    const part = found?.kind === "declared" && found.declared.declaration.kind === "Input" ? this.part(found.declared, at) : undefined;
    if (part?.kind === "input") return part.input;
    const inputs = this.library.entry.file.declarations.filter((d) => d.kind === "Input").map((d) => d.name.text);
    if (!part) this.diagnostics.report("A0406", { at, field: name, inputs });
    return undefined;
  }

  private placement(home: Scope): PlacementContext {
    const evaluator = this.interpreter;
    return {
      diagnostics: this.diagnostics, scope: home, formats: this.formats,
      evaluate: (e, scope) => evaluator.evaluate(e, scope),
      instantiate: (type, scope, key, source) => new TreeBuilder(source, evaluator).module(type, scope, { path: key, key, name: key.slice(key.lastIndexOf(".") + 1), because: type.span }),
      portsOf: (module) => this.portsOf(module),
      baseNamed: (name, at) => {
        const part = this.named(name, at, home);
        if (part.kind === "base") return part.base;
        if (part.kind !== "poison") this.diagnostics.report("A0108", { at, name, expected: "base", found: part.kind === "other" ? part.what : part.kind });
        return undefined;
      },
      methodNamed: (name, at) => this.declared(name, at, home, "Method", "method"),
      checkpoint: (path, kind) => this.checkpoint(path, kind),
    };
  }

  /**
   * The declaration of a kind that a name stands for; undefined after a report. An unknown name comes with those there are and the
   * import that would bring it; `absent` reports it in other words.
   */
  private declared<K extends "Method" | "RouterDecl" | "GeneratorDecl" | "Merge">(
    name: string, at: Span, home: Scope, kind: K, what: string, absent?: (candidates: readonly string[], from: string | undefined) => void,
  ): Declared<K> | undefined {
    const found = home.lookup(name);
    if (found?.kind === "declared" && found.declared.declaration.kind === kind) return { ...found.declared } as Declared<K>;
    if (found) {
      if (found.kind !== "poison") this.diagnostics.report("A0108", { at, name, expected: what, found: describe(found) });
      return undefined;
    }
    const candidates = namesOf(this.library, kind), from = standardHome(this.library, kind, name);
    if (absent) absent(candidates, from);
    else this.diagnostics.report("A0105", { at, name, what, candidates, ...(from ? { importFrom: from.slice(0, from.lastIndexOf("/")) } : {}) });
    return undefined;
  }

  private portsOf(module: ModuleInstance): ModulePorts | undefined {
    let root = module;
    while (root.parent) root = root.parent;
    let ports = this.ports.get(root);
    if (!ports) {
      const base = [...this.known.values()].flatMap((p) => (p.kind === "base" && p.base.root === root ? [p.base] : []))[0];
      if (!base) return undefined;
      this.ports.set(root, (ports = basePorts(base)));
    }
    return ports.of.get(module);
  }

  private unusedImports(): void {
    const { file } = this.library.entry;
    const text = file.span.file.text;
    for (const i of file.imports)
      for (const { name, as } of i.names) {
        const own = as ?? name;
        const rest = text.slice(i.span.end);
        const value = this.library.entry.scope.lookup(own.text);
        // What reads directories acts by being in reach.
        if (value?.kind === "poison" || (value?.kind === "declared" && value.declared.declaration.kind === "Architecture")) continue;
        if (!new RegExp(`\\b${own.text}\\b`).test(rest)) this.diagnostics.report("A0111", { at: own.span, name: own.text });
      }
  }
}
