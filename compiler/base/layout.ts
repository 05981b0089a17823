/**
 * Laying out text in lines of limited width, after Wadler and Prettier: a document says where lines may break, and a group is
 * printed on one line when it fits.
 */

export type Doc =
  | string
  | readonly Doc[]
  /** A break: `flat` when its group is on one line, else a new line. */
  | { readonly kind: "line"; readonly flat: string; readonly hard: boolean }
  | { readonly kind: "nest"; readonly of: Doc }
  | { readonly kind: "group"; readonly of: Doc; readonly broken: boolean }
  /** Text that stands only where the group is broken. */
  | { readonly kind: "ifBroken"; readonly of: Doc }
  /** Text moved to the end of the line it stands on, without a part in its width. */
  | { readonly kind: "suffix"; readonly text: string };

/** A blank or a new line. */
export const line: Doc = { kind: "line", flat: " ", hard: false };
/** Nothing or a new line. */
export const softLine: Doc = { kind: "line", flat: "", hard: false };
/** Always a new line; breaks every group around it. */
export const hardLine: Doc = { kind: "line", flat: "", hard: true };

export function nest(...of: readonly Doc[]): Doc {
  return { kind: "nest", of };
}

export function group(of: Doc, broken = false): Doc {
  return { kind: "group", of, broken: broken || mustBreak(of) };
}

export function ifBroken(of: Doc): Doc {
  return { kind: "ifBroken", of };
}

/** Text at the end of the line; breaks every group around it. */
export function suffix(text: string): Doc {
  return { kind: "suffix", text };
}

export function join(separator: Doc, docs: readonly Doc[]): Doc {
  return docs.flatMap((doc, i) => (i === 0 ? [doc] : [separator, doc]));
}

/** Whether a document can only be laid out on several lines. */
export function mustBreak(doc: Doc): boolean {
  if (typeof doc === "string") return false;
  if (!("kind" in doc)) return doc.some(mustBreak);
  switch (doc.kind) {
    case "line": return doc.hard;
    case "suffix": return true;
    case "group": return doc.broken;
    case "ifBroken": return false;
    case "nest": return mustBreak(doc.of);
  }
}

interface Frame { readonly indent: number; readonly flat: boolean; readonly doc: Doc }

/** The text of a document; every nesting indents by two. */
export function print(doc: Doc, width = 80): string {
  const rows: string[] = [];
  let row = "";
  let pending = "";
  const stack: Frame[] = [{ indent: 0, flat: false, doc }];
  for (let frame = stack.pop(); frame; frame = stack.pop()) {
    const { indent, flat, doc: item } = frame;
    if (typeof item === "string") {
      row += item;
    } else if (!("kind" in item)) {
      for (let i = item.length - 1; i >= 0; i--) stack.push({ indent, flat, doc: item[i] ?? "" });
    } else if (item.kind === "line") {
      if (flat && !item.hard) {
        row += item.flat;
      } else {
        rows.push(trimmed(row + pending));
        row = " ".repeat(indent);
        pending = "";
      }
    } else if (item.kind === "nest") stack.push({ indent: indent + 2, flat, doc: item.of });
    else if (item.kind === "group") {
      const fitting = !item.broken && (flat || fits(width - row.length, stack, { indent, flat: true, doc: item.of }));
      stack.push({ indent, flat: fitting, doc: item.of });
    } else if (item.kind === "ifBroken") {
      if (!flat) stack.push({ indent, flat, doc: item.of });
    } else pending += item.text;
  }
  rows.push(trimmed(row + pending));
  return rows.join("\n");
}

function trimmed(text: string): string {
  let end = text.length;
  while (text[end - 1] === " ") end--;
  return text.slice(0, end);
}

/** Whether a frame, and what follows it (`frames`, last first) up to the next break, fits in `room`. */
function fits(room: number, frames: readonly Frame[], first: Frame): boolean {
  let left = room;
  let below = frames.length - 1;
  const stack: Frame[] = [first];
  while (left >= 0) {
    let frame = stack.pop();
    if (!frame) {
      frame = frames[below--];
      if (!frame) return true;
    }
    const { flat, doc } = frame;
    if (typeof doc === "string") left -= doc.length;
    else if (!("kind" in doc)) for (let i = doc.length - 1; i >= 0; i--) stack.push({ ...frame, doc: doc[i] ?? "" });
    else if (doc.kind === "line") {
      if (doc.hard || !flat) return true;
      left -= doc.flat.length;
    } else if (doc.kind === "nest") stack.push({ ...frame, doc: doc.of });
    else if (doc.kind === "group") stack.push({ ...frame, flat: flat && !doc.broken, doc: doc.of });
    else if (doc.kind === "ifBroken" && !flat) stack.push({ ...frame, doc: doc.of });
  }
  return false;
}
