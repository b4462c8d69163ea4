// Generated from crds/ by `npm run generate`. Do not edit.

/** ModelPromotion: Declares which versions of one registered model hold which stages and aliases. */
export const modelPromotionSchema = {
  "type": "object",
  "required": [
    "apiVersion",
    "kind",
    "metadata",
    "spec"
  ],
  "properties": {
    "apiVersion": {
      "type": "string",
      "const": "modelpromotion.dev/v1alpha1"
    },
    "kind": {
      "type": "string",
      "const": "ModelPromotion"
    },
    "metadata": {
      "type": "object",
      "required": [
        "name"
      ],
      "properties": {
        "name": {
          "type": "string",
          "minLength": 1,
          "maxLength": 253,
          "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
        },
        "namespace": {
          "type": "string",
          "default": "default",
          "minLength": 1,
          "maxLength": 63,
          "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
        },
        "labels": {
          "type": "object",
          "additionalProperties": {
            "type": "string"
          }
        },
        "annotations": {
          "type": "object",
          "additionalProperties": {
            "type": "string"
          }
        }
      },
      "additionalProperties": false
    },
    "spec": {
      "type": "object",
      "required": [
        "model"
      ],
      "properties": {
        "registryRef": {
          "type": "object",
          "default": {},
          "properties": {
            "name": {
              "type": "string",
              "default": "default",
              "minLength": 1,
              "maxLength": 253,
              "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
            },
            "namespace": {
              "type": "string",
              "minLength": 1,
              "maxLength": 63,
              "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
            }
          },
          "additionalProperties": false
        },
        "model": {
          "type": "string",
          "minLength": 1,
          "maxLength": 256,
          "pattern": "^\\s*[^/:\\s][^/:]*$"
        },
        "stages": {
          "type": "array",
          "default": [],
          "items": {
            "type": "object",
            "required": [
              "name"
            ],
            "properties": {
              "name": {
                "type": "string",
                "enum": [
                  "Staging",
                  "Production"
                ]
              },
              "version": {
                "type": "string",
                "maxLength": 10,
                "pattern": "^[1-9][0-9]*$"
              },
              "versionFrom": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {
                  "stage": {
                    "type": "string",
                    "enum": [
                      "Staging",
                      "Production"
                    ]
                  },
                  "alias": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 255,
                    "pattern": "^[\\p{L}\\p{N}_-]+$"
                  },
                  "runId": {
                    "type": "string",
                    "maxLength": 256,
                    "pattern": "^[a-zA-Z0-9][\\w-]*$"
                  },
                  "source": {
                    "type": "string",
                    "maxLength": 500,
                    "pattern": "^(runs:/[a-zA-Z0-9][\\w-]*/[^/\\s].*|models:/m-[\\w-]+)$"
                  },
                  "latest": {
                    "type": "object",
                    "properties": {
                      "filter": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 1000
                      }
                    },
                    "additionalProperties": false
                  },
                  "best": {
                    "type": "object",
                    "required": [
                      "metric",
                      "goal"
                    ],
                    "properties": {
                      "metric": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 250
                      },
                      "goal": {
                        "type": "string",
                        "enum": [
                          "maximize",
                          "minimize"
                        ]
                      },
                      "min": {
                        "type": "number"
                      },
                      "max": {
                        "type": "number"
                      },
                      "filter": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 1000
                      },
                      "minImprovement": {
                        "type": "number",
                        "default": 0,
                        "minimum": 0
                      },
                      "minEffect": {
                        "type": "number",
                        "minimum": 0
                      },
                      "holdFor": {
                        "type": "string",
                        "maxLength": 32,
                        "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"
                      }
                    },
                    "additionalProperties": false
                  }
                },
                "additionalProperties": false
              },
              "pin": {
                "type": "object",
                "required": [
                  "version",
                  "reason",
                  "until"
                ],
                "properties": {
                  "version": {
                    "type": "string",
                    "maxLength": 10,
                    "pattern": "^[1-9][0-9]*$"
                  },
                  "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 500
                  },
                  "until": {
                    "type": "string",
                    "maxLength": 35,
                    "pattern": "^\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?([Zz]|[+-]\\d{2}:\\d{2})$"
                  }
                },
                "additionalProperties": false
              },
              "archiveExisting": {
                "type": "boolean",
                "default": true
              },
              "description": {
                "type": "string",
                "maxLength": 5000
              },
              "tags": {
                "type": "object",
                "maxProperties": 20,
                "additionalProperties": {
                  "type": "string",
                  "maxLength": 5000
                }
              }
            },
            "additionalProperties": false
          }
        },
        "aliases": {
          "type": "array",
          "default": [],
          "maxItems": 50,
          "items": {
            "type": "object",
            "required": [
              "name"
            ],
            "properties": {
              "name": {
                "type": "string",
                "minLength": 1,
                "maxLength": 255,
                "pattern": "^[\\p{L}\\p{N}_-]+$"
              },
              "version": {
                "type": "string",
                "maxLength": 10,
                "pattern": "^[1-9][0-9]*$"
              },
              "versionFrom": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {
                  "stage": {
                    "type": "string",
                    "enum": [
                      "Staging",
                      "Production"
                    ]
                  },
                  "alias": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 255,
                    "pattern": "^[\\p{L}\\p{N}_-]+$"
                  },
                  "runId": {
                    "type": "string",
                    "maxLength": 256,
                    "pattern": "^[a-zA-Z0-9][\\w-]*$"
                  },
                  "source": {
                    "type": "string",
                    "maxLength": 500,
                    "pattern": "^(runs:/[a-zA-Z0-9][\\w-]*/[^/\\s].*|models:/m-[\\w-]+)$"
                  },
                  "latest": {
                    "type": "object",
                    "properties": {
                      "filter": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 1000
                      }
                    },
                    "additionalProperties": false
                  },
                  "best": {
                    "type": "object",
                    "required": [
                      "metric",
                      "goal"
                    ],
                    "properties": {
                      "metric": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 250
                      },
                      "goal": {
                        "type": "string",
                        "enum": [
                          "maximize",
                          "minimize"
                        ]
                      },
                      "min": {
                        "type": "number"
                      },
                      "max": {
                        "type": "number"
                      },
                      "filter": {
                        "type": "string",
                        "minLength": 1,
                        "maxLength": 1000
                      },
                      "minImprovement": {
                        "type": "number",
                        "default": 0,
                        "minimum": 0
                      },
                      "minEffect": {
                        "type": "number",
                        "minimum": 0
                      },
                      "holdFor": {
                        "type": "string",
                        "maxLength": 32,
                        "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"
                      }
                    },
                    "additionalProperties": false
                  }
                },
                "additionalProperties": false
              },
              "pin": {
                "type": "object",
                "required": [
                  "version",
                  "reason",
                  "until"
                ],
                "properties": {
                  "version": {
                    "type": "string",
                    "maxLength": 10,
                    "pattern": "^[1-9][0-9]*$"
                  },
                  "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 500
                  },
                  "until": {
                    "type": "string",
                    "maxLength": 35,
                    "pattern": "^\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?([Zz]|[+-]\\d{2}:\\d{2})$"
                  }
                },
                "additionalProperties": false
              }
            },
            "additionalProperties": false
          }
        },
        "register": {
          "type": "object",
          "properties": {
            "description": {
              "type": "string",
              "maxLength": 5000
            },
            "tags": {
              "type": "object",
              "maxProperties": 20,
              "additionalProperties": {
                "type": "string",
                "maxLength": 5000
              }
            },
            "createModel": {
              "type": "object",
              "properties": {
                "description": {
                  "type": "string",
                  "maxLength": 5000
                },
                "tags": {
                  "type": "object",
                  "maxProperties": 20,
                  "additionalProperties": {
                    "type": "string",
                    "maxLength": 5000
                  }
                }
              },
              "additionalProperties": false
            }
          },
          "additionalProperties": false
        },
        "drift": {
          "type": "string",
          "enum": [
            "Revert",
            "Report"
          ],
          "default": "Revert"
        },
        "deletionPolicy": {
          "type": "string",
          "enum": [
            "Orphan",
            "Release"
          ],
          "default": "Orphan"
        },
        "interval": {
          "type": "string",
          "default": "5m",
          "maxLength": 32,
          "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"
        },
        "suspend": {
          "type": "boolean",
          "default": false
        }
      },
      "additionalProperties": false
    }
  },
  "additionalProperties": false
};

/** Its status, as it is read back. */
export const modelPromotionStatusSchema = {
  "type": "object",
  "properties": {
    "observedGeneration": {
      "type": "integer"
    },
    "conditions": {
      "type": "array",
      "maxItems": 16,
      "items": {
        "type": "object",
        "required": [
          "type",
          "status",
          "reason",
          "message",
          "lastTransitionTime"
        ],
        "properties": {
          "type": {
            "type": "string",
            "maxLength": 64
          },
          "status": {
            "type": "string",
            "enum": [
              "True",
              "False",
              "Unknown"
            ]
          },
          "reason": {
            "type": "string",
            "maxLength": 128
          },
          "message": {
            "type": "string",
            "maxLength": 4096
          },
          "observedGeneration": {
            "type": "integer"
          },
          "lastTransitionTime": {
            "type": "string"
          }
        },
        "additionalProperties": false
      }
    },
    "summary": {
      "type": "object",
      "properties": {
        "stages": {
          "type": "string"
        },
        "aliases": {
          "type": "string"
        },
        "ready": {
          "type": "string"
        },
        "reason": {
          "type": "string"
        },
        "lastChange": {
          "type": "string"
        }
      },
      "additionalProperties": false
    },
    "targets": {
      "type": "array",
      "maxItems": 64,
      "items": {
        "type": "object",
        "required": [
          "target"
        ],
        "properties": {
          "target": {
            "type": "string"
          },
          "desired": {
            "type": "string"
          },
          "current": {
            "type": "string"
          },
          "previous": {
            "type": "string"
          },
          "since": {
            "type": "string"
          },
          "candidateFrom": {
            "type": "string"
          },
          "evidence": {
            "type": "array",
            "maxItems": 20,
            "items": {
              "type": "string",
              "maxLength": 1000
            }
          },
          "state": {
            "type": "string",
            "enum": [
              "UpToDate",
              "Pending",
              "Drifted",
              "Blocked",
              "Waiting"
            ]
          },
          "reason": {
            "type": "string"
          },
          "message": {
            "type": "string"
          },
          "applied": {
            "type": "object",
            "required": [
              "version",
              "how"
            ],
            "properties": {
              "version": {
                "type": "string"
              },
              "how": {
                "type": "string",
                "enum": [
                  "Applied",
                  "Found"
                ]
              },
              "creationTimestamp": {
                "type": "integer"
              },
              "source": {
                "type": "string"
              },
              "runId": {
                "type": "string"
              },
              "description": {
                "type": "string"
              },
              "tags": {
                "type": "object",
                "additionalProperties": {
                  "type": "string"
                }
              }
            },
            "additionalProperties": false
          },
          "repairs": {
            "type": "array",
            "maxItems": 64,
            "items": {
              "type": "object",
              "required": [
                "what",
                "count",
                "last"
              ],
              "properties": {
                "what": {
                  "type": "string"
                },
                "count": {
                  "type": "integer"
                },
                "last": {
                  "type": "string"
                }
              },
              "additionalProperties": false
            }
          }
        },
        "additionalProperties": false
      }
    },
    "plan": {
      "type": "object",
      "properties": {
        "digest": {
          "type": "string"
        },
        "actions": {
          "type": "array",
          "maxItems": 500,
          "items": {
            "type": "string"
          }
        }
      },
      "additionalProperties": false
    },
    "history": {
      "type": "array",
      "maxItems": 10,
      "items": {
        "type": "object",
        "required": [
          "target",
          "to",
          "time"
        ],
        "properties": {
          "target": {
            "type": "string"
          },
          "from": {
            "type": "string"
          },
          "to": {
            "type": "string"
          },
          "cause": {
            "type": "string",
            "enum": [
              "Promotion",
              "Drift",
              "Release"
            ]
          },
          "revision": {
            "type": "string"
          },
          "digest": {
            "type": "string"
          },
          "time": {
            "type": "string"
          },
          "by": {
            "type": "string"
          }
        },
        "additionalProperties": false
      }
    },
    "lastAttemptedRevision": {
      "type": "string"
    },
    "lastAppliedRevision": {
      "type": "string"
    },
    "lastAppliedDigest": {
      "type": "string"
    },
    "lastHandledReconcileAt": {
      "type": "string"
    }
  },
  "additionalProperties": false
};

/** ModelRegistry: An MLflow Model Registry, how to reach it and who may refer to it. */
export const modelRegistrySchema = {
  "type": "object",
  "required": [
    "apiVersion",
    "kind",
    "metadata",
    "spec"
  ],
  "properties": {
    "apiVersion": {
      "type": "string",
      "const": "modelpromotion.dev/v1alpha1"
    },
    "kind": {
      "type": "string",
      "const": "ModelRegistry"
    },
    "metadata": {
      "type": "object",
      "required": [
        "name"
      ],
      "properties": {
        "name": {
          "type": "string",
          "minLength": 1,
          "maxLength": 253,
          "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
        },
        "namespace": {
          "type": "string",
          "default": "default",
          "minLength": 1,
          "maxLength": 63,
          "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
        },
        "labels": {
          "type": "object",
          "additionalProperties": {
            "type": "string"
          }
        },
        "annotations": {
          "type": "object",
          "additionalProperties": {
            "type": "string"
          }
        }
      },
      "additionalProperties": false
    },
    "spec": {
      "type": "object",
      "required": [
        "uri"
      ],
      "properties": {
        "uri": {
          "type": "string",
          "minLength": 1,
          "maxLength": 2048,
          "pattern": "^https?://[^\\s@?#]+$"
        },
        "workspace": {
          "type": "string",
          "minLength": 2,
          "maxLength": 63,
          "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"
        },
        "auth": {
          "type": "object",
          "required": [
            "secretRef"
          ],
          "properties": {
            "secretRef": {
              "type": "object",
              "required": [
                "name"
              ],
              "properties": {
                "name": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 253,
                  "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                }
              },
              "additionalProperties": false
            }
          },
          "additionalProperties": false
        },
        "tls": {
          "type": "object",
          "required": [
            "caSecretRef"
          ],
          "properties": {
            "caSecretRef": {
              "type": "object",
              "required": [
                "name"
              ],
              "properties": {
                "name": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 253,
                  "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                }
              },
              "additionalProperties": false
            }
          },
          "additionalProperties": false
        },
        "webhook": {
          "type": "object",
          "required": [
            "url",
            "secretRef"
          ],
          "properties": {
            "url": {
              "type": "string",
              "minLength": 1,
              "maxLength": 500,
              "pattern": "^https?://[^\\s@?#]+$"
            },
            "secretRef": {
              "type": "object",
              "required": [
                "name"
              ],
              "properties": {
                "name": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 253,
                  "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
                }
              },
              "additionalProperties": false
            }
          },
          "additionalProperties": false
        },
        "sweepInterval": {
          "type": "string",
          "default": "60s",
          "maxLength": 32,
          "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"
        },
        "limits": {
          "type": "object",
          "default": {},
          "properties": {
            "concurrency": {
              "type": "integer",
              "default": 4,
              "minimum": 1,
              "maximum": 64
            },
            "requestTimeout": {
              "type": "string",
              "default": "30s",
              "maxLength": 32,
              "pattern": "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$"
            }
          },
          "additionalProperties": false
        },
        "access": {
          "type": "array",
          "default": [],
          "maxItems": 50,
          "items": {
            "type": "object",
            "required": [
              "namespaces"
            ],
            "properties": {
              "namespaces": {
                "type": "object",
                "required": [
                  "matchLabels"
                ],
                "properties": {
                  "matchLabels": {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 20,
                    "additionalProperties": {
                      "type": "string",
                      "maxLength": 63
                    }
                  }
                },
                "additionalProperties": false
              },
              "models": {
                "type": "array",
                "maxItems": 100,
                "items": {
                  "type": "string",
                  "minLength": 1,
                  "maxLength": 256
                }
              },
              "register": {
                "type": "boolean"
              }
            },
            "additionalProperties": false
          }
        }
      },
      "additionalProperties": false
    }
  },
  "additionalProperties": false
};
