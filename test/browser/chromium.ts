/** Headless Chromium with WebGPU on its software adapter, and without anything that reaches for the network. */
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const executables = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The browser to test with, or undefined when none is installed. */
export function chromiumPath(): string | undefined {
  return executables.find((path): path is string => path !== undefined && path !== "" && existsSync(path));
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=WebGPU",
      "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}
