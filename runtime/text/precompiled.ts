/**
 * The normalizer of sentencepiece models: a table from short texts to their replacements, as a trie in a double array
 * (Darts-clone) followed by the replacements. What Rust's `spm_precompiled` and `tokenizers` do with it is done here, step by step,
 * odd as it is: of a grapheme under six bytes the shortest prefix in the table replaces the whole grapheme.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A function that normalizes a text by the table in base64. Throws `Error` where the table is cut off. */
export function precompiled(base64: string): (text: string) => string {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
  if (bytes.length < 4 + size) throw new Error("its precompiled_charsmap is cut off");
  const units = Array.from({ length: Math.floor(size / 4) }, (_, i) => view.getUint32(4 + 4 * i, true));
  const replacements = bytes.subarray(4 + size);
  const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

  /** The replacement of the shortest prefix of `part` that the table has. */
  const transform = (part: Uint8Array): string | undefined => {
    let at = offset(units[0] ?? 0);
    for (const byte of part) {
      if (byte === 0) return undefined;
      at ^= byte;
      const unit = units[at];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return undefined;
      at ^= offset(unit);
      if (((unit >>> 8) & 1) === 1) {
        const from = (units[at] ?? 0) & 0x7fffffff, end = replacements.indexOf(0, from);
        return decoder.decode(replacements.subarray(from, end < 0 ? undefined : end));
      }
    }
    return undefined;
  };
  const cache = new Map<string, string>();
  const replaced = (grapheme: string): string => {
    const whole = encoder.encode(grapheme);
    const found = whole.length < 6 ? transform(whole) : undefined;
    return found ?? Array.from(grapheme, (c) => transform(encoder.encode(c)) ?? c).join("");
  };
  return (text) => {
    let out = "";
    for (const { segment } of graphemes.segment(text)) {
      let one = cache.get(segment);
      if (one === undefined) cache.set(segment, (one = replaced(segment)));
      out += one;
    }
    return out;
  };
}

/** How far the children of a unit are from it. */
const offset = (unit: number): number => (unit >>> 10) << ((unit & (1 << 9)) >>> 6);
