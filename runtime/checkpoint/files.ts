/** What a checkpoint needs of a file system: one directory, names inside it, slices of files. */
import type { CheckpointProblem } from "../../formats/checkpoint.ts";

/** One directory. Names are relative with `/`; no name reaches a file outside it. Methods reject with `FileFailure`. */
export interface Directory {
  /** As it was asked for, and where it really is. */
  readonly path: string;
  readonly location: string;
  /** Names of the plain files directly inside, sorted. */
  list(): Promise<readonly string[]>;
  /** Bytes of a file. */
  size(file: string): Promise<number>;
  /** Fills `into` with the bytes of `file` from `begin` on. */
  read(file: string, begin: number, into: Uint8Array): Promise<void>;
}

export interface FileSystem {
  /** Opens a directory, or a model of a hub by name where the file system knows one. Never rejects. */
  open(path: string): Promise<Directory | CheckpointProblem>;
}

/** A file that cannot be used, thrown inside the checkpoint reader and returned as its problem by the entry points. */
export class FileFailure extends Error {
  readonly problem: CheckpointProblem;
  constructor(problem: CheckpointProblem) {
    super(`${problem.file ?? problem.path}: ${problem.detail}`);
    this.name = "FileFailure";
    this.problem = problem;
  }
}

/** A name that stays inside its directory: relative, no `..`, no drive, no backslash, no NUL. */
export function staysInside(name: string): boolean {
  return name !== "" && !/[\\\0:]/.test(name) && !name.startsWith("/") && !name.split("/").some((part) => part === ".." || part === "." || part === "");
}

/** The whole of a small file; `limit` in bytes. */
export async function readBytes(dir: Directory, file: string, limit = 256e6): Promise<Uint8Array> {
  const size = await dir.size(file);
  if (size > limit) throw new FileFailure({ problem: "unreadable", path: dir.path, file, detail: `it has ${size} bytes, more than the limit of ${limit}` });
  const out = new Uint8Array(size);
  await dir.read(file, 0, out);
  return out;
}

/** The whole of a small text file in UTF-8. */
export async function readText(dir: Directory, file: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(dir, file));
}

/** Directories held in memory: tests, and checkpoints a page was given. Paths map to files by name. */
export function memoryFiles(directories: Readonly<Record<string, Readonly<Record<string, Uint8Array | string>>>>): FileSystem {
  return {
    async open(path) {
      const files = directories[path];
      if (!files) return { problem: "not_found", path, detail: "there is no such directory" };
      const content = (file: string): Uint8Array => {
        const data = Object.hasOwn(files, file) ? files[file]! : undefined;
        if (data === undefined) throw new FileFailure({ problem: "not_found", path, file, detail: "there is no such file" });
        return typeof data === "string" ? new TextEncoder().encode(data) : data;
      };
      return {
        path,
        location: path,
        list: async () => Object.keys(files).filter((f) => !f.includes("/")).sort(),
        size: async (file) => content(file).byteLength,
        read: async (file, begin, into) => {
          const data = content(file);
          if (begin + into.byteLength > data.byteLength)
            throw new FileFailure({ problem: "truncated", path, file, detail: `bytes to ${begin + into.byteLength} are asked for and the file has ${data.byteLength}` });
          into.set(data.subarray(begin, begin + into.byteLength));
        },
      };
    },
  };
}

/** Files behind URLs: `base` is the folder's address. Slices come by HTTP range requests. */
export function urlFiles(base: string, listing: Readonly<Record<string, readonly string[]>>, get: typeof fetch = fetch): FileSystem {
  return {
    async open(path) {
      const names = listing[path];
      if (!names) return { problem: "not_found", path, detail: "the page names no such directory" };
      const at = (file: string): string => new URL(`${path.replace(/\/?$/, "/")}${file}`, base).href;
      const failed = (file: string, detail: string): FileFailure => new FileFailure({ problem: "unreadable", path, file, detail });
      const request = async (file: string, init: RequestInit): Promise<Response> => {
        if (!staysInside(file)) throw new FileFailure({ problem: "outside_directory", path, file, detail: "the name leaves the directory" });
        const answer = await get(at(file), init).catch((e: unknown) => Promise.reject(failed(file, `the request failed: ${String(e)}`)));
        if (!answer.ok) throw failed(file, `the server answered ${answer.status}`);
        return answer;
      };
      return {
        path,
        location: new URL(path, base).href,
        list: async () => [...names].sort(),
        size: async (file) => Number((await request(file, { method: "HEAD" })).headers.get("content-length") ?? NaN),
        read: async (file, begin, into) => {
          if (into.byteLength === 0) return;
          const answer = await request(file, { headers: { range: `bytes=${begin}-${begin + into.byteLength - 1}` } });
          const data = new Uint8Array(await answer.arrayBuffer());
          const part = answer.status === 206 ? data : data.subarray(begin, begin + into.byteLength);
          if (part.byteLength !== into.byteLength) throw failed(file, `${into.byteLength} bytes were asked for and ${part.byteLength} came`);
          into.set(part);
        },
      };
    },
  };
}
