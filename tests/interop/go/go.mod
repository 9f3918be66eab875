module agenkit-interop

go 1.22
