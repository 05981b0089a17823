/** Where a command writes: results to standard output, everything else to standard error, colour only on a terminal. */
import pc from "picocolors";

export interface Console {
  /** Results. */
  out(text: string): void;
  /** Messages, progress and warnings; a line each. */
  note(text: string): void;
  readonly colour: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** A line that says how far a long job is; shown only after a second, and cleared by `done`. */
  progress(label: string): Progress;
  readonly paint: ReturnType<typeof pc.createColors>;
}

export interface Progress {
  update(done: number, total: number): void;
  done(): void;
}

const afterMs = 1000, redrawMs = 100, logMs = 5000;

/** The console of this process. Colour follows NO_COLOR, FORCE_COLOR and whether standard error is a terminal. */
export function processConsole(signal: AbortSignal): Console {
  const terminal = process.stderr.isTTY === true;
  const colour = wantsColour(process.stderr.isTTY === true);
  return {
    out: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text.endsWith("\n") ? text : `${text}\n`),
    colour,
    signal,
    progress: (label) => lineProgress(label, terminal),
    paint: pc.createColors(colour),
  };
}

/** NO_COLOR (not empty) turns colour off, FORCE_COLOR on; else a terminal decides. */
export function wantsColour(terminal: boolean, env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR && env.FORCE_COLOR !== "0") return true;
  return terminal && env.TERM !== "dumb";
}

function lineProgress(label: string, terminal: boolean): Progress {
  const start = performance.now();
  let last = 0, shown = false;
  return {
    update(done, total) {
      const now = performance.now();
      if (now - start < afterMs || now - last < (terminal ? redrawMs : logMs)) return;
      last = now;
      shown = true;
      const part = total > 0 ? Math.min(100, Math.floor((100 * done) / total)) : 0;
      const left = done > 0 ? Math.ceil(((now - start) * (total - done)) / done / 1000) : undefined;
      const text = `${label} ${part} %${left === undefined ? "" : `, ${left} s left`}`;
      process.stderr.write(terminal ? `\r\x1b[2K${text}` : `${text}\n`);
    },
    done() {
      if (shown && terminal) process.stderr.write("\r\x1b[2K");
    },
  };
}
