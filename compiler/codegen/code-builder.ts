/** Kernel code being built: nested scopes, names for values as far out as their operands allow, loops and branches. */
import type { Dim } from "../../ir/dim.ts";
import { add, dimExpr, exprKey, int, operands, variable } from "./kernel-build.ts";
import { IndexMath } from "./index-math.ts";
import type { Expr, Stmt } from "./kernel-ir.ts";

interface Scope {
  readonly kind: "block" | "for" | "if";
  readonly stmts: Stmt[];
  readonly names: Map<string, Expr>;
}

export class CodeBuilder {
  readonly math = new IndexMath({ name: (e, upper) => this.nameIndex(e, upper) });
  readonly #depth = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #scopes: Scope[] = [{ kind: "block", stmts: [], names: new Map() }];

  /** Statements of the outermost scope; complete when all scopes are closed. */
  get body(): readonly Stmt[] {
    return this.#scopes[0]!.stmts;
  }

  push(...stmts: Stmt[]): void {
    this.#scopes[this.#scopes.length - 1]!.stmts.push(...stmts);
  }

  /** Runs `build` inside a new scope and returns its statements. Values are not moved out of an `if`. */
  scope(kind: "for" | "if" | "block", build: () => void): Stmt[] {
    const inner: Scope = { kind, stmts: [], names: new Map() };
    this.#scopes.push(inner);
    build();
    this.#scopes.pop();
    return inner.stmts;
  }

  /** A counting loop from `from` (0 when absent) below `to`; `build` gets the counter. */
  loop(hint: string, to: Dim | Expr, build: (i: Expr) => void, options: { from?: Expr; step?: number; unroll?: boolean; upper?: Dim } = {}): void {
    const name = this.fresh(hint);
    const upper = isExpr(to) ? options.upper : to;
    const limit = isExpr(to) ? to : this.nameIndex(dimExpr(to), undefined);
    const i = variable(name);
    if (upper) this.math.setUpper(i, upper);
    const body = this.scope("for", () => {
      this.#depth.set(name, this.#scopes.length - 1);
      build(i);
    });
    this.push({ k: "for", name, from: options.from ?? int(0), to: limit, step: options.step ?? 1, body, ...(options.unroll ? { unroll: true } : {}) });
  }

  when(cond: Expr, build: () => void, otherwise?: () => void): void {
    const then = this.scope("if", build);
    this.push({ k: "if", cond, then, ...(otherwise ? { otherwise: this.scope("if", otherwise) } : {}) });
  }

  /** A variable that statements change. */
  mutable(hint: string, init: Expr): Expr {
    const name = this.fresh(hint);
    this.#depth.set(name, this.#scopes.length - 1);
    this.push({ k: "var", name, type: init.type, init });
    return variable(name, init.type);
  }

  set(target: Expr, value: Expr): void {
    if (target.k !== "var") throw new TypeError("only a variable can be set");
    this.push({ k: "set", name: target.name, value });
  }

  /** A name no other variable of this kernel has. */
  fresh(hint: string): string {
    const n = this.#counts.get(hint) ?? 0;
    this.#counts.set(hint, n + 1);
    return n === 0 && hint.length > 1 ? hint : `${hint}${n}`;
  }

  /** Declares a variable made elsewhere (a thread index) as known in the current scope. */
  declare(e: Expr, upper?: Dim): void {
    if (e.k === "var") this.#depth.set(e.name, this.#scopes.length - 1);
    if (upper) this.math.setUpper(e, upper);
  }

  /** Binds a value to a name here or further out, once; trivial values stay as they are. */
  name(e: Expr, hint = "v"): Expr {
    if (e.k === "lit" || e.k === "var" || e.k === "dim" || (e.k === "splat" && e.a.k === "lit")) return e;
    const key = exprKey(e);
    for (let d = this.#scopes.length - 1; d >= 0; d--) {
      const known = this.#scopes[d]!.names.get(key);
      if (known) return known;
    }
    const depth = this.#homeOf(e);
    const name = this.fresh(hint);
    const v = variable(name, e.type);
    this.#scopes[depth]!.stmts.push({ k: "let", name, value: e });
    this.#scopes[depth]!.names.set(key, v);
    this.#depth.set(name, depth);
    return v;
  }

  nameIndex(e: Expr, upper: Dim | undefined): Expr {
    const v = this.name(e, "i");
    if (upper) this.math.setUpper(v, upper);
    return v;
  }

  /** Like `name`, always in the current scope: for values that must not be computed earlier. */
  nameHere(e: Expr, hint = "v"): Expr {
    const name = this.fresh(hint);
    this.#depth.set(name, this.#scopes.length - 1);
    this.push({ k: "let", name, value: e });
    return variable(name, e.type);
  }

  /** Runs `build` in the outermost scope where all of `index` is known, so that its loops are not repeated. */
  hoisted<T>(index: readonly Expr[], build: () => T): T {
    const depth = Math.max(this.#barrier(), ...index.map((e) => this.#homeOf(e)));
    const inner = this.#scopes.splice(depth + 1);
    const result = build();
    this.#scopes.push(...inner);
    return result;
  }

  /** A value computed once for a key in the scopes that can see it. */
  cached(key: string, make: () => Expr): Expr {
    for (let d = this.#scopes.length - 1; d >= 0; d--) {
      const known = this.#scopes[d]!.names.get(key);
      if (known) return known;
    }
    const made = make();
    const home = made.k === "var" ? (this.#depth.get(made.name) ?? this.#scopes.length - 1) : this.#scopes.length - 1;
    this.#scopes[Math.min(home, this.#scopes.length - 1)]!.names.set(key, made);
    return made;
  }

  #homeOf(e: Expr): number {
    const floor = this.#barrier();
    let depth = floor;
    const visit = (x: Expr): void => {
      if (x.k === "var") depth = Math.max(depth, this.#depth.get(x.name) ?? 0);
      else if (x.k === "subgroup") depth = this.#scopes.length - 1;
      else if (x.k === "load" && this.isMutable(x.buffer)) depth = this.#scopes.length - 1;
      operands(x).forEach(visit);
    };
    visit(e);
    return depth;
  }

  /** The outermost scope that values may move to: the innermost `if`, else the body. */
  #barrier(): number {
    for (let d = this.#scopes.length - 1; d > 0; d--) if (this.#scopes[d]!.kind !== "for") return d;
    return 0;
  }

  /** Whether the kernel writes a buffer, so that reads of it cannot move. */
  protected isMutable(_buffer: string): boolean {
    return true;
  }

  /** Names the part of an address that the innermost loop does not change. */
  address(e: Expr): Expr {
    const here = this.#scopes.length - 1;
    if (this.#scopes[here]!.kind !== "for") return e;
    const { early, late } = this.math.split(e, (a) => this.#homeOf(a) < here);
    return late.k === "lit" ? this.name(early, "at") : early.k === "lit" || early.k === "var" ? e : add(this.name(early, "at"), late);
  }
}

const isExpr = (e: Dim | Expr): e is Expr => !Array.isArray(e);
