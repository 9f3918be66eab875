import {
  create,
  createRegistry,
  type DescFile,
  type MessageInitShape,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { file_agent } from "../../gen/agent_pb.ts";
import { file_grpc_health_v1_health } from "../../gen/grpc/health/v1/health_pb.ts";
import {
  file_grpc_reflection_v1_reflection,
  type ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

const FILES: readonly DescFile[] = [
  file_agent,
  file_grpc_health_v1_health,
  file_grpc_reflection_v1_reflection,
];

/** gRPC's reflection service, by which tools such as grpcurl learn what is served. */
export function reflection(): ServiceImpl<typeof ServerReflection> {
  const registry = createRegistry(...FILES);
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        yield {
          validHost: request.host,
          originalRequest: create(ServerReflectionRequestSchema, request),
          messageResponse: answer(request, registry),
        };
      }
    },
  };
}

function answer({ messageRequest: asked }: ServerReflectionRequest, registry: Registry): Answer {
  switch (asked.case) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: {
          service: FILES.flatMap((file) => file.services).map(({ typeName }) => ({
            name: typeName,
          })),
        },
      };
    case "fileByFilename":
      return fileAnswer(FILES.find((file) => file.proto.name === asked.value), asked.value);
    case "fileContainingSymbol":
      return fileAnswer(fileOf(asked.value, registry), asked.value);
    case "fileContainingExtension":
      // None of the messages has extensions.
      return notFound(`${asked.value.containingType}.${asked.value.extensionNumber}`);
    case "allExtensionNumbersOfType":
      return registry.getMessage(asked.value) === undefined ? notFound(asked.value) : {
        case: "allExtensionNumbersResponse",
        value: { baseTypeName: asked.value, extensionNumber: [] },
      };
    default:
      return {
        case: "errorResponse",
        value: {
          errorCode: Code.InvalidArgument,
          errorMessage: "Cannot read the request: expected one of its questions, got none",
        },
      };
  }
}

/** The file of a type, or of what is declared in one: a method, a field, a value. */
function fileOf(symbol: string, registry: Registry): DescFile | undefined {
  const found = registry.get(symbol);
  if (found !== undefined) return found.file;
  const parent = registry.get(symbol.slice(0, symbol.lastIndexOf(".")));
  const name = symbol.slice(symbol.lastIndexOf(".") + 1);
  switch (parent?.kind) {
    case "service":
      return parent.methods.some((method) => method.name === name) ? parent.file : undefined;
    case "message":
      return parent.fields.some((field) => field.name === name) ? parent.file : undefined;
    default:
      return undefined;
  }
}

function fileAnswer(file: DescFile | undefined, asked: string): Answer {
  if (file === undefined) return notFound(asked);
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: [toBinary(FileDescriptorProtoSchema, file.proto)] },
  };
}

function notFound(asked: string): Answer {
  return {
    case: "errorResponse",
    value: { errorCode: Code.NotFound, errorMessage: `There is no '${asked}' here` },
  };
}
