"""Prints the protobuf definition of the published Python agenkit, as JSON."""

import json

from google.protobuf import descriptor_pb2, json_format
from proto import agent_pb2

file = descriptor_pb2.FileDescriptorProto()
agent_pb2.DESCRIPTOR.CopyToProto(file)
print(json.dumps(json_format.MessageToDict(file)))
