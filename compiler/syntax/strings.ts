/** String literals: decoding and writing. */

const simple: Readonly<Record<string, string>> = { '"': '"', "\\": "\\", n: "\n", t: "\t", r: "\r" };

/** The value of a literal with its quotes, and the places (offset, length in the literal) of escapes that mean nothing. */
export function decodeString(literal: string): { readonly value: string; readonly wrong: readonly (readonly [number, number])[] } {
  const closed = literal.length > 1 && literal.endsWith(literal[0] ?? "");
  const end = closed ? literal.length - 1 : literal.length;
  const wrong: (readonly [number, number])[] = [];
  let value = "";
  for (let i = 1; i < end; i++) {
    const char = literal[i] ?? "";
    if (char !== "\\") {
      value += char;
      continue;
    }
    const next = literal[i + 1] ?? "";
    const unicode = /^\{([0-9A-Fa-f]{1,6})\}/.exec(literal.slice(i + 2, end));
    const point = unicode ? Number.parseInt(unicode[1] ?? "", 16) : Number.NaN;
    if (next in simple) {
      value += simple[next];
      i++;
    } else if (next === "u" && unicode && point <= 0x10ffff) {
      value += String.fromCodePoint(point);
      i += 1 + unicode[0].length;
    } else {
      wrong.push([i, 2]);
      value += next;
      i++;
    }
  }
  return { value, wrong };
}

/** The literal that decodes to `value`. */
export function encodeString(value: string): string {
  let text = "";
  for (const char of value) {
    const code = char.codePointAt(0) ?? 0;
    if (char === '"' || char === "\\") text += `\\${char}`;
    else if (char === "\n") text += "\\n";
    else if (char === "\t") text += "\\t";
    else if (char === "\r") text += "\\r";
    else if (code < 32 || code === 127) text += `\\u{${code.toString(16)}}`;
    else text += char;
  }
  return `"${text}"`;
}
