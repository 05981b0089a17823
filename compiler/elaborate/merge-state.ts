/** What the interpreter knows of the merge that runs now. */
import type { Span } from "../base/source.ts";
import { counted } from "./literals.ts";

export class MergeState {
  /** Where the merge stands in the program: its requirements are reported there. */
  place: Span | undefined;
  /** What random numbers are drawn for: a tensor's name. */
  private stream = "";
  private readonly calls = new Map<string, number>();

  /** Runs a merge for one tensor. Its random numbers begin anew, so a recipe that is made twice draws the same. */
  within<T>(stream: string, place: Span, run: () => T): T {
    const before = { stream: this.stream, place: this.place };
    this.stream = stream;
    this.place = place;
    this.calls.delete(stream);
    try {
      return run();
    } finally {
      this.stream = before.stream;
      this.place = before.place;
    }
  }

  /** A name for the random numbers of the next call. */
  next(): string {
    return counted(this.calls, this.stream);
  }
}
