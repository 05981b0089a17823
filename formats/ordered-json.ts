/**
 * JSON whose objects remember the order of their keys in the file.
 *
 * JavaScript lists integer-like keys ("0", "12") first, whatever the text says; formats in which the first matching
 * entry of an object wins need the order of the text. Values are plain data; `keysOf` gives the order.
 */

/** Deepest nesting that is read; files are untrusted. */
const maxDepth = 200;
const order = Symbol("order of keys");

/** Reads a JSON text; also the `NaN` and `Infinity` that Python writes. Throws SyntaxError with an offset. */
export function parseJson(text: string): unknown {
  // Only integer-like keys are reordered, so the fast built-in reader serves every other text.
  if (!/"\d+"\s*:/.test(text) && !/\b(?:NaN|Infinity)\b/.test(text)) return JSON.parse(text) as unknown;
  return new Reader(text).document();
}

/** The keys of an object in the order of its file. */
export function keysOf(object: object): readonly string[] {
  const kept = (object as { [order]?: readonly string[] })[order];
  return kept ?? Object.keys(object);
}

class Reader {
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  document(): unknown {
    const value = this.value(0);
    this.space();
    if (this.at < this.text.length) this.fail("text after the value");
    return value;
  }

  private value(depth: number): unknown {
    if (depth > maxDepth) this.fail("nesting is too deep");
    this.space();
    const c = this.text[this.at];
    if (c === "{") return this.object(depth);
    if (c === "[") return this.array(depth);
    if (c === '"') return this.string();
    const word = /^(?:true|false|null|NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/.exec(this.text.slice(this.at, this.at + 400))?.[0];
    if (word === undefined) return this.fail("expected a value");
    this.at += word.length;
    const words: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };
    return word in words ? words[word] : Number(word);
  }

  private object(depth: number): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    const keys = new Set<string>();
    this.at++;
    this.space();
    if (this.text[this.at] === "}") this.at++;
    else
      for (;;) {
        this.space();
        if (this.text[this.at] !== '"') this.fail("expected a key");
        const key = this.string();
        this.space();
        this.take(":");
        keys.add(key);
        // A key such as "__proto__" is data like any other.
        Object.defineProperty(out, key, { value: this.value(depth + 1), enumerable: true, writable: true, configurable: true });
        this.space();
        if (this.text[this.at] === ",") this.at++;
        else {
          this.take("}");
          break;
        }
      }
    Object.defineProperty(out, order, { value: [...keys], enumerable: false });
    return out;
  }

  private array(depth: number): unknown[] {
    const out: unknown[] = [];
    this.at++;
    this.space();
    if (this.text[this.at] === "]") return this.at++, out;
    for (;;) {
      out.push(this.value(depth + 1));
      this.space();
      if (this.text[this.at] === ",") this.at++;
      else {
        this.take("]");
        return out;
      }
    }
  }

  private string(): string {
    const start = this.at++;
    while (this.at < this.text.length && this.text[this.at] !== '"') this.at += this.text[this.at] === "\\" ? 2 : 1;
    this.at++;
    return JSON.parse(this.text.slice(start, this.at)) as string;
  }

  private space(): void {
    while (/[ \t\r\n]/.test(this.text[this.at] ?? "")) this.at++;
  }

  private take(c: string): void {
    if (this.text[this.at] !== c) this.fail(`expected ${c}`);
    this.at++;
  }

  private fail(what: string): never {
    throw new SyntaxError(`${what} at offset ${this.at}`);
  }
}
