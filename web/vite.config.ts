import { defineConfig } from "vitest/config";

// The build is committed where the api serves it, so that users need no Node.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../services/api/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the Content-Security-Policy allows our own files, nothing inline
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: Object.fromEntries(
      ["/discover", "/history", "/search", "/tokens", "/health", "/config.json"].map((path) => [
        path,
        { target: process.env["DEXWIRE_API"] ?? "http://127.0.0.1:8000" },
      ]),
    ),
  },
  test: { include: ["test/**/*.test.ts"] },
});
