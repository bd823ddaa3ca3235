package troupe

// Version of the module, set for releases by the linker.
const Version = "0.1.0-dev"
