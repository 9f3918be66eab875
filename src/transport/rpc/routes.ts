import type { DescService } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  createServiceImplSpec,
  type MethodImplSpec,
  type ServiceImpl,
} from "@connectrpc/connect";
import { AgentService } from "../../gen/agent_pb.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { healthOf } from "./health.ts";
import { reflection } from "./reflection.ts";
import type { RpcService } from "./service.ts";

/** The methods of a service, of its health and of what tells what it looks like. */
export function methodsOf(service: RpcService, reflect: boolean): readonly MethodImplSpec[] {
  return [
    ...methods(AgentService, service),
    ...methods(Health, healthOf(service)),
    ...(reflect ? methods(ServerReflection, reflection()) : []),
  ];
}

/** Lets the RPC library serve methods. */
export function addRoutes(router: ConnectRouter, methods: readonly MethodImplSpec[]): void {
  for (const { method, impl } of methods) router.rpc(method, impl as never);
}

function methods<S extends DescService>(desc: S, impl: ServiceImpl<S>): MethodImplSpec[] {
  return Object.values(createServiceImplSpec(desc, impl).methods);
}
