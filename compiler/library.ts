/**
 * Files and names: the standard library and the files a program imports, parsed, with a scope each.
 *
 * `std/methods` names all files of that folder. Names of `std/prelude` are in reach everywhere. Within a file the order of
 * declarations means nothing.
 */
import type { Host } from "../formats/checkpoint.ts";
import type { SourceFile, Span } from "./base/source.ts";
import { Diagnostics } from "./diagnostics/diagnostic.ts";
import type { Declaration, DeclarationOf, File, Import } from "./syntax/ast.ts";
import { parse } from "./syntax/build.ts";
import { outline, type Outlined } from "./syntax/outline.ts";
import { Formats, headWords } from "./check/formats.ts";
import { Scope } from "./check/scope.ts";
import type { Declared, Value } from "./check/values.ts";
import { stdlib } from "./stdlib.generated.ts";

/** A parsed file of the program with its names. */
export interface Unit {
  readonly name: string;
  readonly file: File;
  readonly scope: Scope;
}

/** A file of the library with its names; it is read, and each declaration in it, when somebody asks. */
export interface StandardUnit {
  readonly name: string;
  readonly text: string;
  readonly declarations: readonly Outlined[];
  readonly scope: Scope;
}

/** Everything a program can see. */
export interface Library {
  readonly entry: Unit;
  /** Files of the program in the order they were met, the entry first. */
  readonly own: readonly Unit[];
  /** All files of the standard library. */
  readonly standard: readonly StandardUnit[];
}

let standardUnits: readonly StandardUnit[] | undefined;

/** The standard library, made once. */
export function standardLibrary(): readonly StandardUnit[] {
  if (standardUnits) return standardUnits;
  const prelude = new StandardFile("std/prelude", stdlib["std/prelude"]!);
  return (standardUnits = Object.entries(stdlib).map(([name, text]) => (name === prelude.name ? prelude : new StandardFile(name, text, prelude))));
}

class StandardFile implements StandardUnit {
  readonly name: string;
  readonly text: string;
  readonly #prelude: StandardFile | undefined;
  #read: { readonly declarations: readonly Outlined[]; readonly scope: Scope } | undefined;

  constructor(name: string, text: string, prelude?: StandardFile) {
    this.name = name;
    this.text = text;
    this.#prelude = prelude;
  }

  get declarations(): readonly Outlined[] {
    return this.#whole().declarations;
  }

  get scope(): Scope {
    return this.#whole().scope;
  }

  #whole(): { readonly declarations: readonly Outlined[]; readonly scope: Scope } {
    if (this.#read) return this.#read;
    const { imports, declarations } = outline({ name: `${this.name}.adapt`, text: this.text });
    const scope = new Scope(this.#prelude?.scope);
    for (const d of declarations) if (d.word !== "format") bindOutlined(scope, d, this.name);
    for (const i of imports) for (const { name, as } of i.names)
      scope.set((as ?? name).text, { kind: "lazy", because: name.span, force: () => imported(name.text, i.from.value, this.name) });
    return (this.#read = { declarations, scope });
  }
}

function imported(name: string, from: string, by: string): Value {
  const found = standardLibrary().find((u) => matches(u.name, from) && u.declarations.some((d) => d.word !== "format" && d.name.text === name));
  if (!found) throw new Error(`the library's ${by} imports \`${name}\`, which ${from} does not declare`);
  return found.scope.lookup(name)!;
}

function bindOutlined(scope: Scope, d: Outlined, file: string): void {
  if (scope.own(d.name.text)) throw new Error(`the library's ${file} declares \`${d.name.text}\` twice`);
  scope.set(d.name.text, { kind: "lazy", because: d.name.span, force: () => declaredValue({ declaration: d.tree(), home: scope }) });
}

/** Reads a program and what it imports; faults are reported. Undefined when the entry cannot be read. */
export async function loadLibrary(entry: string, host: Host, diagnostics: Diagnostics): Promise<Library | undefined> {
  const loader = new Loader(host, diagnostics);
  const text = await host.readText(entry);
  if (text === undefined) return undefined;
  const unit = await loader.unit({ name: entry, text }, []);
  return { entry: unit, own: loader.units, standard: standardLibrary() };
}

class Loader {
  readonly units: Unit[] = [];
  private readonly host: Host;
  private readonly diagnostics: Diagnostics;

  constructor(host: Host, diagnostics: Diagnostics) {
    this.host = host;
    this.diagnostics = diagnostics;
  }

  async unit(source: SourceFile, chain: readonly { readonly name: string; readonly span: Span }[]): Promise<Unit> {
    const { value, diagnostics } = parse(source);
    this.diagnostics.add(...diagnostics);
    const prelude = standardLibrary().find((u) => u.name === "std/prelude")!.scope;
    const unit: Unit = { name: source.name, file: value, scope: new Scope(prelude) };
    this.units.push(unit);
    declare(unit, this.diagnostics);
    for (const i of value.imports) await this.imports(unit, i, chain);
    return unit;
  }

  private async imports(unit: Unit, i: Import, chain: readonly { readonly name: string; readonly span: Span }[]): Promise<void> {
    const from = i.from.value;
    if (from.startsWith("std/") || from === "std") {
      const found = standardLibrary().filter((u) => matches(u.name, from));
      if (found.length === 0) this.diagnostics.report("A0101", { at: i.from.span, path: from, modules: standardNames() });
      return this.bind(unit, i, found);
    }
    const path = this.host.resolve(unit.name, from);
    const here = [...chain, { name: unit.name, span: i.from.span }];
    const start = here.findIndex((c) => c.name === path);
    if (start >= 0) {
      const cycle = here.slice(start);
      this.diagnostics.report("A0102", { at: cycle[0]!.span, chain: cycle.slice(1).map((c) => ({ span: c.span, file: c.name })) });
      return this.bind(unit, i, []);
    }
    const known = this.units.find((u) => u.name === path);
    const text = known ? undefined : await this.host.readText(path);
    if (!known && text === undefined) {
      this.diagnostics.report("A0101", { at: i.from.span, path: from, looked: path });
      return this.bind(unit, i, []);
    }
    this.bind(unit, i, [known ?? (await this.unit({ name: path, text: text! }, here))]);
  }

  private bind(unit: Unit, i: Import, from: readonly (Unit | StandardUnit)[]): void {
    const declarations = from.flatMap((u) => ("file" in u ? u.file.declarations.map((d) => ({ name: d.name, tree: () => d, scope: u.scope })) : u.declarations.map((d) => ({ name: d.name, tree: () => d.tree(), scope: u.scope }))));
    for (const { name, as } of i.names) {
      const own = declarations.filter((d) => d.name.text === name.text);
      const found = own.find((d) => d.tree().exported) ?? own[0];
      const as_ = as ?? name;
      const clash = unit.scope.own(as_.text);
      if (clash) this.diagnostics.report("A0106", { at: as_.span, name: as_.text, first: clash.because });
      else if (!found) {
        if (from.length > 0) this.diagnostics.report("A0103", { at: name.span, name: name.text, module: i.from.value, exported: declarations.flatMap((d) => (d.tree().exported ? [d.name.text] : [])) });
        unit.scope.set(as_.text, { kind: "poison", because: name.span });
      } else {
        if (!found.tree().exported) this.diagnostics.report("A0104", { at: name.span, name: name.text, module: i.from.value, declared: found.name.span });
        unit.scope.set(as_.text, { kind: "lazy", because: name.span, force: () => found.scope.lookup(name.text)! });
      }
    }
  }
}

/** Binds each declaration of a file to its name. */
function declare(unit: Unit, diagnostics: Diagnostics): void {
  for (const declaration of unit.file.declarations) {
    const { text, span } = declaration.name;
    if (text === "" || declaration.kind === "Format") continue;
    const old = unit.scope.own(text);
    if (old) diagnostics.report("A0106", { at: span, name: text, first: old.because });
    else unit.scope.set(text, declaration.kind === "Broken" ? { kind: "poison", because: span } : declaredValue({ declaration, home: unit.scope }));
  }
}

const declaredValue = (declared: Declared): Value => ({ kind: "declared", declared, because: declared.declaration.name.span });

const wordOf = { Architecture: "architecture", Merge: "merge", Method: "method", RouterDecl: "router", GeneratorDecl: "generator" } as const;

/**
 * Declarations of a kind in the program's files and in the library, the program's first. With `mentioning`, only those of the
 * library that have one of these strings in them.
 */
export function declarationsOf<K extends keyof typeof wordOf>(library: Library, kind: K, mentioning?: readonly string[]): readonly Declared<K>[] {
  const ofKind = (declaration: Declaration, home: Scope): readonly Declared<K>[] => (declaration.kind === kind ? [{ declaration, home } as Declared<K>] : []);
  // Most files need not be read to know that they have none.
  const may = (u: StandardUnit): boolean => u.text.includes(`${wordOf[kind]} `) && (!mentioning || mentioning.some((text) => u.text.includes(JSON.stringify(text))));
  const mentioned = (d: Outlined): boolean => d.word === wordOf[kind] && (!mentioning || mentioning.some((text) => d.mentions(text)));
  return [
    ...library.own.flatMap((u) => u.file.declarations.flatMap((d) => ofKind(d, u.scope))),
    ...library.standard.filter(may).flatMap((u) => u.declarations.filter(mentioned).flatMap((d) => ofKind(d.tree(), u.scope))),
  ];
}

/** The formats in the program's files and in the library, the program's first; the library's are parsed when one fits. */
export function formatsOf(library: Library): Formats {
  return new Formats([
    ...library.own.flatMap((u) => u.file.declarations.flatMap((d) => (d.kind === "Format" ? [{ head: d, declared: { declaration: d, home: u.scope } }] : []))),
    ...library.standard.filter((u) => u.text.includes("format ")).flatMap((u) => u.declarations.flatMap((d) => {
      const head = d.format(headWords);
      return head ? [{ head, get declared() { return { declaration: d.tree() as DeclarationOf<"Format">, home: u.scope }; } }] : [];
    })),
  ]);
}

/** Names of the declarations of a kind, as `declarationsOf` has them; the library's are not parsed for it. */
export function namesOf(library: Library, kind: keyof typeof wordOf): readonly string[] {
  return [
    ...library.own.flatMap((u) => u.file.declarations.flatMap((d) => (d.kind === kind ? [d.name.text] : []))),
    ...library.standard.flatMap((u) => u.declarations.flatMap((d) => (d.word === wordOf[kind] ? [d.name.text] : []))),
  ];
}

/** The file of the library that declares a name. */
export function standardHome(library: Library, kind: keyof typeof wordOf, name: string): string | undefined {
  return library.standard.find((u) => u.text.includes(name) && u.declarations.some((d) => d.word === wordOf[kind] && d.name.text === name))?.name;
}

/** Names of library files and folders that can be imported. */
export function standardNames(): readonly string[] {
  const files = Object.keys(stdlib);
  return [...new Set(files.flatMap((f) => [f, f.slice(0, f.lastIndexOf("/"))]))].filter((n) => n !== "std").sort();
}

const matches = (name: string, from: string): boolean => name === from || name.slice(0, name.lastIndexOf("/")) === from;

