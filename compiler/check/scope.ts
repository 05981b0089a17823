/** Names and what they mean: nested scopes, read after everything in them is declared. */
import type { Span } from "../base/source.ts";
import type { Value } from "./values.ts";

/** What a name is bound to: a value, or a rule that finds it when it is first asked for (order means nothing). */
export type Binding = Value | { readonly kind: "lazy"; readonly because: Span; readonly force: () => Value };

export class Scope {
  readonly parent?: Scope;
  readonly #names = new Map<string, Binding>();

  constructor(parent?: Scope) {
    if (parent) this.parent = parent;
  }

  /** A dotted port (`q.raw`) is one name. */
  set(name: string, binding: Binding): void {
    this.#names.set(name, binding);
  }

  /** Gives a new value to a name where it was introduced; false when no scope has it. */
  assign(name: string, value: Value): boolean {
    if (this.#names.has(name)) return this.#names.set(name, value) !== undefined;
    return this.parent?.assign(name, value) ?? false;
  }

  own(name: string): Binding | undefined {
    return this.#names.get(name);
  }

  lookup(name: string): Value | undefined {
    const found = this.#names.get(name);
    if (!found) return this.parent?.lookup(name);
    if (found.kind !== "lazy") return found;
    const value = found.force();
    this.#names.set(name, value);
    return value;
  }

  /** The value of a name that has one already; a rule is not forced. */
  lookupMade(name: string): Value | undefined {
    const found = this.#names.get(name);
    return found ? (found.kind === "lazy" ? undefined : found) : this.parent?.lookupMade(name);
  }

  /** Where a name was bound, without forcing it. */
  placeOf(name: string): Span | undefined {
    return this.#names.get(name)?.because ?? this.parent?.placeOf(name);
  }

  /** Every name in reach, inner ones first. */
  names(): readonly string[] {
    return [...this.#names.keys(), ...(this.parent?.names() ?? [])];
  }

  child(): Scope {
    return new Scope(this);
  }
}
