"""The kernel's own typed routes, a module an idea; `app.kernel_api` lists them."""
