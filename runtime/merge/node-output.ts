/** A directory on disk that is written aside under a temporary name and takes its own when it is complete. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { RuntimeFailure } from "../errors.ts";
import type { Scratch } from "./prepared.ts";
import type { MergeOutput } from "./run-merge.ts";

/** What marks a directory that a merge wrote, and that the next one may replace. */
const marker = "adapt_merge.json";

export class DirectoryOutput implements MergeOutput {
  readonly #target: string;
  readonly #aside: string;
  #file: FileHandle | undefined;
  #scratch: FileHandle | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  /** Throws a `RuntimeFailure` for a directory that holds something else, or a disk without room for `bytes`. */
  constructor(target: string, bytes: number) {
    this.#target = resolve(target);
    const parent = dirname(this.#target), name = basename(this.#target);
    if (existsSync(this.#target) && readdirSync(this.#target).length > 0 && !existsSync(join(this.#target, marker)))
      throw new RuntimeFailure("A0716", { what: `\`${target}\` cannot be written`, reason: `it holds something else than a merge; choose another directory` });
    mkdirSync(parent, { recursive: true });
    // What runs that were killed have left.
    for (const old of readdirSync(parent)) {
      const found = old.startsWith(`.${name}.`) && /\.(\d+)\.part(\.old)?$/.exec(old);
      if (found && !alive(Number(found[1]))) rmSync(join(parent, old), { recursive: true, force: true });
    }
    const free = statfsSync(parent), room = free.bavail * free.bsize;
    if (room < bytes) throw new RuntimeFailure("A0716", { what: `\`${target}\` cannot be written`, reason: `the result takes ${bytes} bytes and the disk has ${room} free` });
    this.#aside = join(parent, `.${name}.${process.pid}.part`);
    mkdirSync(this.#aside);
  }

  async begin(file: string): Promise<void> {
    await this.#close();
    this.#file = await open(join(this.#aside, file), "w");
  }

  /** The next write waits for this one; the bytes must not change until then. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#writing;
    this.#writing = this.#all(this.#file!, bytes);
    this.#writing.catch(() => undefined);
  }

  async idle(): Promise<void> {
    await this.#writing;
  }

  async #all(file: FileHandle, bytes: Uint8Array, place?: number): Promise<void> {
    try {
      for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at, bytes.byteLength - at, place === undefined ? undefined : place + at)).bytesWritten;
    } catch (e) {
      const code = e instanceof Error && "code" in e ? String(e.code) : "";
      const reason = code === "ENOSPC" || code === "EDQUOT" ? "the disk is full" : e instanceof Error ? e.message : String(e);
      throw new RuntimeFailure("A0716", { what: `\`${this.#target}\` cannot be written`, reason }, { cause: e });
    }
  }

  scratch(): Scratch {
    const path = join(this.#aside, ".prepared");
    let file: Promise<FileHandle> | undefined, end = 0;
    const opened = (): Promise<FileHandle> => (file ??= open(path, "w+").then((f) => ((this.#scratch = f), f)));
    return {
      write: async (bytes) => {
        await this.#all(await opened(), bytes, end);
        end += bytes.byteLength;
      },
      read: async (begin, into) => {
        const from = await opened();
        for (let at = 0; at < into.byteLength; ) {
          const { bytesRead } = await from.read(into, at, into.byteLength - at, begin + at);
          if (bytesRead === 0) throw new RuntimeFailure("A0716", { what: `\`${path}\` cannot be read`, reason: "it ended early" });
          at += bytesRead;
        }
      },
      clear: () => {
        end = 0;
        return Promise.resolve();
      },
    };
  }

  async finish(): Promise<void> {
    await this.#close();
    await this.#closeScratch();
    const old = `${this.#aside}.old`;
    if (existsSync(this.#target)) renameSync(this.#target, old);
    renameSync(this.#aside, this.#target);
    rmSync(old, { recursive: true, force: true });
  }

  async discard(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file?.close().catch(() => undefined);
    this.#file = undefined;
    await this.#scratch?.close().catch(() => undefined);
    rmSync(this.#aside, { recursive: true, force: true });
  }

  async #closeScratch(): Promise<void> {
    await this.#scratch?.close();
    this.#scratch = undefined;
    rmSync(join(this.#aside, ".prepared"), { force: true });
  }

  async #close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === "EPERM";
  }
}
