module language-model-clusters/sandbox/toolchain/pause

go 1.21
