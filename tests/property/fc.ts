import fc from "fast-check";

// By default fast-check makes collections of at most ten, whatever `maxLength` says.
fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });

export { fc };
