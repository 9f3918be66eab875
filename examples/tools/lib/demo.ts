import type { Tool } from "@agenkit/agenkit";
