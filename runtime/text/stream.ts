/** Text from tokens as they come: never half a character, never a part of a stop string. */
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Turns ids into text piece by piece. A piece is given out when the characters it ends in are complete. Decoding
 * looks at the ids since the last but one piece, since the text of an id can depend on the one before it.
 */
export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, "decode">;
  readonly #ids: number[] = [];
  #from = 0;
  #done = 0;

  constructor(tokenizer: Pick<Tokenizer, "decode">, context: readonly number[] = []) {
    this.#tokenizer = tokenizer;
    // The last ids of the prompt decide whether the first new one begins with a space.
    this.#ids.push(...context.slice(-8));
    this.#done = this.#ids.length;
  }

  /** The text that became certain with this id. */
  push(id: number): string {
    this.#ids.push(id);
    return this.#take(false);
  }

  /** The rest, complete or not. */
  end(): string {
    return this.#take(true);
  }

  #take(all: boolean): string {
    const before = this.#tokenizer.decode(this.#ids.slice(this.#from, this.#done));
    const now = this.#tokenizer.decode(this.#ids.slice(this.#from));
    if (!all && (now.endsWith("\ufffd") || now.length <= before.length)) return "";
    this.#from = this.#done;
    this.#done = this.#ids.length;
    return now.slice(before.length);
  }
}

/** Cuts a stream of text before the first stop string, wherever pieces break. */
export class StopFilter {
  readonly #stops: readonly string[];
  #held = "";
  /** True once a stop string was found; nothing comes after it. */
  stopped = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((s) => s !== "");
  }

  /** The text of `piece`, and of what was held back, that no stop string can still begin in. */
  push(piece: string): string {
    if (this.stopped) return "";
    const text = this.#held + piece;
    const at = Math.min(...this.#stops.map((s) => text.indexOf(s)).filter((i) => i >= 0), Infinity);
    if (at < Infinity) {
      this.stopped = true;
      this.#held = "";
      return text.slice(0, at);
    }
    const hold = Math.max(0, ...this.#stops.map((s) => overlap(text, s)));
    this.#held = text.slice(text.length - hold);
    return text.slice(0, text.length - hold);
  }

  /** What was held back, when no stop string followed. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    return this.stopped ? "" : rest;
  }
}

/** Length of the longest end of `text` that begins `stop`. */
function overlap(text: string, stop: string): number {
  for (let n = Math.min(stop.length - 1, text.length); n > 0; n--) if (text.endsWith(stop.slice(0, n))) return n;
  return 0;
}
