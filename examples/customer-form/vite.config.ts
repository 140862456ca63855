import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The server rejects other host names and other origins, so the proxy sends requests as its own.
const proxy = {
  "/graphql": {
    target: process.env["CUSTOMER_FORM_SERVER"] ?? "http://127.0.0.1:8000",
    changeOrigin: true,
  },
};

export default defineConfig({
  plugins: [react()],
  server: { host: "127.0.0.1", proxy },
  preview: { host: "127.0.0.1", proxy },
});
