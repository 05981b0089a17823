/**
 * Node's file system for checkpoints. A directory's boundary is its real path; links are followed only inside it,
 * except in a Hugging Face cache, where snapshots link to the blobs of the same model.
 */
import { constants } from "node:fs";
import { open, readdir, realpath, stat, type FileHandle } from "node:fs/promises";
import { join, resolve, sep } from "node:path";
import type { CheckpointProblem } from "../formats/checkpoint.ts";
import { FileFailure, staysInside, type Directory, type FileSystem } from "./checkpoint/files.ts";

/** Directories on disk; relative paths are relative to `root` (default: the working directory). */
export function diskFiles(root = "."): FileSystem {
  return { open: (path) => openDirectory(path, resolve(root, path)) };
}

/** Opens the directory at the absolute path `at`; `path` is how the user wrote it. Never rejects. */
export async function openDirectory(path: string, at: string): Promise<Directory | CheckpointProblem> {
  try {
    const location = await realpath(at);
    if (!(await stat(location)).isDirectory()) return { problem: "not_a_directory", path, detail: "it is a file, and a checkpoint is a directory" };
    return new DiskDirectory(path, location);
  } catch (e) {
    return problemOf(e, path, undefined, "there is no such directory");
  }
}

class DiskDirectory implements Directory {
  readonly path: string;
  readonly location: string;
  readonly #boundary: string;

  constructor(path: string, location: string) {
    this.path = path;
    this.location = location;
    this.#boundary = cacheFolder(location) ?? location;
  }

  async list(): Promise<readonly string[]> {
    try {
      const names = await readdir(this.location, { withFileTypes: true });
      const files: string[] = [];
      for (const n of names) if (n.isFile() || (n.isSymbolicLink() && (await isFile(join(this.location, n.name))))) files.push(n.name);
      return files.sort();
    } catch (e) {
      throw new FileFailure(problemOf(e, this.path));
    }
  }

  async size(file: string): Promise<number> {
    const at = await this.#inside(file);
    try {
      return (await stat(at)).size;
    } catch (e) {
      throw new FileFailure(problemOf(e, this.path, file));
    }
  }

  async read(file: string, begin: number, into: Uint8Array): Promise<void> {
    const at = await this.#inside(file);
    let handle: FileHandle | undefined;
    try {
      handle = await open(at, constants.O_RDONLY);
      for (let done = 0; done < into.byteLength; ) {
        const { bytesRead } = await handle.read(into, done, Math.min(into.byteLength - done, 2 ** 30), begin + done);
        if (bytesRead === 0)
          throw new FileFailure({ problem: "truncated", path: this.path, file, detail: `bytes to ${begin + into.byteLength} are asked for and the file ends at ${begin + done}` });
        done += bytesRead;
      }
    } catch (e) {
      throw e instanceof FileFailure ? e : new FileFailure(problemOf(e, this.path, file));
    } finally {
      await handle?.close();
    }
  }

  /** The real path of a file, which must lie inside the boundary. */
  async #inside(file: string): Promise<string> {
    const outside = (detail: string): FileFailure => new FileFailure({ problem: "outside_directory", path: this.path, file, detail });
    if (!staysInside(file)) throw outside("the name leaves the directory");
    let at: string;
    try {
      at = await realpath(join(this.location, file));
    } catch (e) {
      throw new FileFailure(problemOf(e, this.path, file));
    }
    if (!at.startsWith(this.#boundary.endsWith(sep) ? this.#boundary : this.#boundary + sep)) throw outside("the file is a link that leaves the directory");
    return at;
  }
}

/** `.../models--org--name` for a snapshot folder of a Hugging Face cache. */
function cacheFolder(location: string): string | undefined {
  const parts = location.split(sep);
  const at = parts.length - 3;
  return parts[at + 1] === "snapshots" && /^models--/.test(parts[at] ?? "") ? parts.slice(0, at + 1).join(sep) : undefined;
}

const isFile = (path: string): Promise<boolean> => stat(path).then((s) => s.isFile(), () => false);

/** A failed system call as a problem in plain words. */
export function problemOf(e: unknown, path: string, file?: string, missing = "there is no such file"): CheckpointProblem {
  const code = e instanceof Error && "code" in e ? String(e.code) : "";
  if (code === "ENOENT") return { problem: "not_found", path, file, detail: missing };
  if (code === "ENOTDIR") return { problem: "not_a_directory", path, file, detail: "part of the path is a file" };
  if (code === "EACCES" || code === "EPERM") return { problem: "unreadable", path, file, detail: "reading it is not permitted" };
  if (code === "ELOOP") return { problem: "unreadable", path, file, detail: "its links form a loop" };
  return { problem: "unreadable", path, file, detail: e instanceof Error ? e.message : String(e) };
}
