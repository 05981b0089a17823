/**
 * Python's `re` on short names, without backtracking.
 *
 * A pattern becomes a tree; matching maps a place in the text to the places where a node may end, in the order of
 * preference that a backtracking matcher has, each place once. Time is polynomial in text and pattern, so a pattern
 * from an untrusted file cannot hang. What would need more (backreferences, conditionals, flags other than i and s)
 * is refused with a reason.
 */

export interface Regex {
  readonly source: string;
  /** `re.fullmatch(source, text) is not None` */
  fullmatch(text: string): boolean;
  /** `re.match(source, text)`: the named groups of the preferred match at the start of the text, or undefined. */
  match(text: string): ReadonlyMap<string, string> | undefined;
}

/** Compiles a pattern; a string says why it cannot be used. */
export function compileRegex(source: string): Regex | string {
  let root: Node;
  try {
    root = new PatternReader(source).pattern();
  } catch (e) {
    if (e instanceof PatternError) return e.message;
    throw e;
  }
  return {
    source,
    fullmatch: (text: string) => new Matcher(text).ends(root, 0).some((e) => e.end === text.length),
    match: (text: string) => {
      const first = new Matcher(text).ends(root, 0)[0];
      return first && new Map([...first.groups].map(([name, [from, to]]) => [name, text.slice(from, to)]));
    },
  };
}

/** Most repetitions a `{m,n}` may ask for. */
const maxCount = 255;

type Node =
  | { readonly kind: "char"; readonly test: (c: string) => boolean }
  | { readonly kind: "at"; readonly test: (text: string, at: number) => boolean }
  | { readonly kind: "seq" | "alt"; readonly items: readonly Node[] }
  | { readonly kind: "repeat"; readonly of: Node; readonly min: number; readonly max: number; readonly lazy: boolean }
  | { readonly kind: "group"; readonly name: string; readonly of: Node }
  | { readonly kind: "look"; readonly of: Node; readonly behind: boolean; readonly negative: boolean };

type Groups = ReadonlyMap<string, readonly [number, number]>;
interface End { readonly end: number; readonly groups: Groups }
const noGroups: Groups = new Map();

class Matcher {
  private readonly memo = new Map<Node, Map<number, readonly End[]>>();
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  /** Where `node` may end when it starts at `at`, preferred first. */
  ends(node: Node, at: number): readonly End[] {
    let byStart = this.memo.get(node);
    if (!byStart) this.memo.set(node, (byStart = new Map<number, readonly End[]>()));
    const known = byStart.get(at);
    if (known) return known;
    const found = this.compute(node, at);
    byStart.set(at, found);
    return found;
  }

  private compute(node: Node, at: number): readonly End[] {
    switch (node.kind) {
      case "char": {
        const c = this.text[at];
        return c !== undefined && node.test(c) ? [{ end: at + 1, groups: noGroups }] : [];
      }
      case "at":
        return node.test(this.text, at) ? [{ end: at, groups: noGroups }] : [];
      case "alt":
        return distinct(node.items.flatMap((item) => this.ends(item, at)));
      case "seq":
        return node.items.reduce<readonly End[]>((from, item) => this.follow(from, item), [{ end: at, groups: noGroups }]);
      case "group":
        return this.ends(node.of, at).map((e) => ({ end: e.end, groups: merged(e.groups, new Map([[node.name, [at, e.end] as const]])) }));
      case "look": {
        const found = node.behind ? this.endsAt(node.of, at) : this.ends(node.of, at).length > 0;
        return found !== node.negative ? [{ end: at, groups: noGroups }] : [];
      }
      case "repeat":
        return this.repeat(node, at);
    }
  }

  /** A look-behind holds when its pattern matches some stretch that ends here. */
  private endsAt(node: Node, at: number): boolean {
    for (let from = 0; from <= at; from++) if (this.ends(node, from).some((e) => e.end === at)) return true;
    return false;
  }

  private follow(from: readonly End[], next: Node): readonly End[] {
    return distinct(from.flatMap((e) => this.ends(next, e.end).map((f) => ({ end: f.end, groups: merged(e.groups, f.groups) }))));
  }

  private repeat(node: Extract<Node, { kind: "repeat" }>, at: number): readonly End[] {
    let required: readonly End[] = [{ end: at, groups: noGroups }];
    for (let i = 0; i < node.min && required.length; i++) required = this.follow(required, node.of);
    // Rounds beyond `min` must move forward, so there are never more of them than characters.
    const more = (e: End, left: number): readonly End[] => {
      const rest = left > 0 ? this.ends(node.of, e.end).filter((f) => f.end > e.end) : [];
      const deeper = rest.flatMap((f) => chain({ end: f.end, groups: merged(e.groups, f.groups) }, left - 1));
      return distinct(node.lazy ? [e, ...deeper] : [...deeper, e]);
    };
    const known = new Map<string, readonly End[]>();
    const chain = (e: End, left: number): readonly End[] => {
      const key = `${e.end}:${node.max === Infinity ? "" : left}`;
      let ends = known.get(key);
      if (!ends) known.set(key, (ends = more({ end: e.end, groups: noGroups }, left)));
      return ends.map((f) => ({ end: f.end, groups: merged(e.groups, f.groups) }));
    };
    return distinct(required.flatMap((e) => chain(e, Math.min(node.max - node.min, this.text.length))));
  }
}

function merged(a: Groups, b: Groups): Groups {
  return b.size === 0 ? a : a.size === 0 ? b : new Map([...a, ...b]);
}

/** Each end once: what follows depends on the place alone, so only the preferred way there matters. */
function distinct(ends: readonly End[]): readonly End[] {
  if (ends.length < 2) return ends;
  const seen = new Set<number>();
  return ends.filter((e) => !seen.has(e.end) && seen.add(e.end));
}

class PatternError extends Error {}

const isWord = (c: string): boolean => /[\p{L}\p{N}_]/u.test(c);
const isDigit = (c: string): boolean => /\p{Nd}/u.test(c);
const isSpace = (c: string): boolean => /\s/.test(c);
const wordAt = (text: string, at: number): boolean => isWord(text[at] ?? " ") && at >= 0;
const boundary = (text: string, at: number): boolean => wordAt(text, at - 1) !== wordAt(text, at);
const atEnd = (text: string, at: number): boolean => at === text.length || (at === text.length - 1 && text[at] === "\n");

/** Reads pattern text into a tree; throws PatternError. */
class PatternReader {
  private at = 0;
  private depth = 0;
  private ignoreCase = false;
  private dotAll = false;
  private readonly source: string;
  constructor(source: string) {
    this.source = source;
  }

  pattern(): Node {
    const flags = /^\(\?([a-zA-Z]+)\)/.exec(this.source);
    if (flags) {
      for (const f of flags[1]!) {
        if (f === "i") this.ignoreCase = true;
        else if (f === "s") this.dotAll = true;
        else if (f !== "u") this.refuse(`the flag \`${f}\` is not supported`);
      }
      this.at = flags[0].length;
    }
    const node = this.alternatives();
    if (this.at < this.source.length) this.refuse("a `)` has no `(`");
    return node;
  }

  private alternatives(): Node {
    const items = [this.sequence()];
    while (this.eat("|")) items.push(this.sequence());
    return items.length === 1 ? items[0]! : { kind: "alt", items };
  }

  private sequence(): Node {
    const items: Node[] = [];
    while (this.at < this.source.length && this.source[this.at] !== "|" && this.source[this.at] !== ")") {
      let node = this.atom();
      for (let times = 0; ; times++) {
        const count = this.quantifier();
        if (!count) break;
        if (times) this.refuse("two repetitions follow each other");
        const lazy = this.eat("?");
        if (!lazy && this.source[this.at] === "+") this.refuse("possessive repetitions are not supported");
        node = { kind: "repeat", of: node, min: count[0], max: count[1], lazy };
      }
      items.push(node);
    }
    return items.length === 1 ? items[0]! : { kind: "seq", items };
  }

  private quantifier(): readonly [number, number] | undefined {
    if (this.eat("*")) return [0, Infinity];
    if (this.eat("+")) return [1, Infinity];
    if (this.eat("?")) return [0, 1];
    const m = /^\{(\d*)(,?)(\d*)\}/.exec(this.source.slice(this.at));
    // Python reads a brace that is no repetition as itself.
    if (!m || (m[1] === "" && (m[2] === "" || m[3] === "" && m[2] === ""))) return undefined;
    this.at += m[0].length;
    const min = m[1] === "" ? 0 : Number(m[1]);
    const max = m[2] === "" ? min : m[3] === "" ? Infinity : Number(m[3]);
    if (min > maxCount || (max !== Infinity && max > maxCount)) this.refuse(`more than ${maxCount} repetitions`);
    if (max < min) this.refuse("a repetition has its largest count below its smallest");
    return [min, max];
  }

  private atom(): Node {
    const c = this.source[this.at++]!;
    switch (c) {
      case "(": return this.group();
      case "[": return this.set();
      case ".": return { kind: "char", test: this.dotAll ? () => true : (x) => x !== "\n" };
      case "^": return { kind: "at", test: (_, at) => at === 0 };
      case "$": return { kind: "at", test: atEnd };
      case "\\": return this.escape();
      case "*": case "+": case "?": return this.refuse("a repetition has nothing to repeat");
      default: return this.literal(c);
    }
  }

  private literal(c: string): Node {
    if (!this.ignoreCase) return { kind: "char", test: (x) => x === c };
    const low = c.toLowerCase();
    return { kind: "char", test: (x) => x.toLowerCase() === low };
  }

  private group(): Node {
    if (++this.depth > 100) this.refuse("groups are nested too deeply");
    const rest = this.source.slice(this.at);
    const named = /^\?P<([A-Za-z_]\w*)>/.exec(rest);
    const look = /^\?(<?)([=!])/.exec(rest);
    let wrap: (of: Node) => Node = (of) => of;
    if (named) {
      this.at += named[0].length;
      wrap = (of) => ({ kind: "group", name: named[1]!, of });
    } else if (look) {
      this.at += look[0].length;
      wrap = (of) => ({ kind: "look", of, behind: look[1] === "<", negative: look[2] === "!" });
    } else if (rest.startsWith("?:")) this.at += 2;
    else if (rest.startsWith("?P=")) this.refuse("backreferences are not supported");
    else if (rest.startsWith("?")) this.refuse(`the group \`(${rest.slice(0, 3)}\` is not supported`);
    const node = wrap(this.alternatives());
    if (!this.eat(")")) this.refuse("a `(` has no `)`");
    this.depth--;
    return node;
  }

  private escape(): Node {
    const c = this.source[this.at++];
    if (c === undefined) return this.refuse("the pattern ends in a backslash");
    const set = this.classEscape(c);
    if (set) return { kind: "char", test: set };
    switch (c) {
      case "b": return { kind: "at", test: boundary };
      case "B": return { kind: "at", test: (text, at) => !boundary(text, at) };
      case "A": return { kind: "at", test: (_, at) => at === 0 };
      case "Z": return { kind: "at", test: (text, at) => at === text.length };
      default:
        if (/[1-9]/.test(c)) this.refuse("backreferences are not supported");
        return this.literal(this.charEscape(c));
    }
  }

  private classEscape(c: string): ((x: string) => boolean) | undefined {
    const test = { d: isDigit, w: isWord, s: isSpace }[c.toLowerCase()];
    return test && (c === c.toLowerCase() ? test : (x) => !test(x));
  }

  /** The character that an escape stands for; `c` is what follows the backslash. */
  private charEscape(c: string): string {
    const control: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", f: "\f", v: "\v", a: "\x07", "0": "\0" };
    if (c in control) return control[c]!;
    const width = { x: 2, u: 4 }[c];
    if (width) {
      const hex = this.source.slice(this.at, this.at + width);
      if (!new RegExp(`^[0-9a-fA-F]{${width}}$`).test(hex)) this.refuse(`\`\\${c}\` needs ${width} hexadecimal digits`);
      this.at += width;
      return String.fromCharCode(parseInt(hex, 16));
    }
    if (/[A-Za-z]/.test(c)) this.refuse(`the escape \`\\${c}\` is not known`);
    return c;
  }

  private set(): Node {
    const negative = this.eat("^");
    const tests: ((x: string) => boolean)[] = [];
    for (let first = true; ; first = false) {
      const c = this.source[this.at++];
      if (c === undefined) return this.refuse("a `[` has no `]`");
      if (c === "]" && !first) break;
      const low = this.member(c, tests);
      if (low === undefined) continue;
      if (this.source[this.at] === "-" && this.source[this.at + 1] !== "]" && this.at + 1 < this.source.length) {
        this.at++;
        const high = this.member(this.source[this.at++]!, []);
        if (high === undefined || high < low) this.refuse("a range in `[...]` runs backwards");
        else tests.push((x) => x >= low && x <= high);
      } else tests.push((x) => x === low);
    }
    const any = (x: string): boolean => tests.some((t) => t(x));
    const test = this.ignoreCase ? (x: string): boolean => any(x.toLowerCase()) || any(x.toUpperCase()) : any;
    return { kind: "char", test: negative ? (x) => !test(x) : test };
  }

  /** One member of a set: a character, or undefined after a class such as `\d` was added to `tests`. */
  private member(c: string, tests: ((x: string) => boolean)[]): string | undefined {
    if (c !== "\\") return c;
    const e = this.source[this.at++];
    if (e === undefined) return this.refuse("the pattern ends in a backslash");
    const test = this.classEscape(e);
    if (test) return void tests.push(test);
    return e === "b" ? "\b" : this.charEscape(e);
  }

  private eat(c: string): boolean {
    if (this.source[this.at] !== c) return false;
    this.at++;
    return true;
  }

  private refuse(why: string): never {
    throw new PatternError(why);
  }
}
