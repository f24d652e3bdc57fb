using System.Globalization;
using System.Reflection;

namespace TorchSharp.Tests;

/// <summary>
/// A type's public and protected surface, one member a line:
/// <c>static TorchSharp.torch.zeros(Int64[] size, Boolean requires_grad = false) : TorchSharp.torch.Tensor</c>.
/// Names of System types are short, those of TorchSharp's full; a constructor is called new.
/// </summary>
internal static class ApiDescription
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    internal static IEnumerable<string> Of(Assembly assembly) =>
        assembly.GetTypes().Where(IsVisible).SelectMany(t => Members(t).Prepend(Type(t)));

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
            return Enum.GetNames(type).Select(n =>
                $"{Name(type)}.{n} = {Convert.ToInt64(Enum.Parse(type, n), CultureInfo.InvariantCulture)}");
        var methods = type.GetMethods(Declared).Where(m => IsVisible(m) && m.Name != "Finalize" && !IsAccessor(m)).Select(Method);
        var constructors = type.GetConstructors(Declared).Where(c => IsVisible(c) && !c.IsStatic)
            .Select(c => $"{Name(type)}.new({Parameters(c.GetParameters())})");
        var fields = type.GetFields(Declared).Where(f => f.IsPublic || f.IsFamily || f.IsFamilyOrAssembly)
            .Select(f => $"{(f.IsStatic ? "static " : "")}{Name(type)}.{f.Name} : {Name(f.FieldType)}");
        var properties = type.GetProperties(Declared).Select(Property).OfType<string>();
        return methods.Concat(constructors).Concat(fields).Concat(properties);
    }

    private static bool IsVisible(Type type) =>
        type.IsNested ? (type.IsNestedPublic || type.IsNestedFamily) && IsVisible(type.DeclaringType!) : type.IsPublic;

    private static bool IsVisible(MethodBase? method) =>
        method is not null && (method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly);

    private static bool IsAccessor(MethodInfo method) =>
        method.IsSpecialName && method.Name.Split('_')[0] is "get" or "set";

    private static string Type(Type type)
    {
        var kind = type.IsEnum ? "enum" : type.IsValueType ? "struct" : type.IsInterface ? "interface"
            : type.IsAbstract && type.IsSealed ? "static class" : "class";
        var inherits = kind == "class" && type.BaseType != typeof(object);
        return $"{kind} {Name(type)}{(inherits ? $" : {Name(type.BaseType!)}" : "")}";
    }

    private static string Method(MethodInfo method)
    {
        var generic = method.IsGenericMethod ? $"<{string.Join(",", method.GetGenericArguments().Select(Name))}>" : "";
        return $"{(method.IsStatic ? "static " : "")}{Name(method.DeclaringType!)}.{method.Name}{generic}"
            + $"({Parameters(method.GetParameters())}) : {Name(method.ReturnType)}";
    }

    private static string? Property(PropertyInfo property)
    {
        var (get, set) = (property.GetMethod, property.SetMethod);
        if (!IsVisible(get) && !IsVisible(set))
            return null;
        var index = property.GetIndexParameters() is { Length: > 0 } indices ? $"[{Parameters(indices)}]" : "";
        var accessors = $"{(IsVisible(get) ? "get; " : "")}{(IsVisible(set) ? "set; " : "")}";
        return $"{((get ?? set)!.IsStatic ? "static " : "")}{Name(property.DeclaringType!)}.{property.Name}{index}"
            + $" {{ {accessors}}} : {Name(property.PropertyType)}";
    }

    private static string Parameters(ParameterInfo[] parameters) => string.Join(", ", parameters.Select(p =>
        $"{(p.IsDefined(typeof(ParamArrayAttribute)) ? "params " : "")}{Name(p.ParameterType)} {p.Name}"
        + (p.HasDefaultValue ? $" = {Default(p)}" : "")));

    private static string Default(ParameterInfo parameter) => parameter.RawDefaultValue switch
    {
        null => "null",
        bool truth => truth ? "true" : "false",
        string text => $"\"{text}\"",
        var value when parameter.ParameterType.IsEnum => Enum.GetName(parameter.ParameterType, value)!,
        var value => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Name(Type type)
    {
        if (type.IsGenericParameter)
            return type.Name;
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        if (type.IsByRef)
            return Name(type.GetElementType()!) + "&";
        var own = type.Name.Split('`')[0];
        var ours = type.Namespace!.StartsWith("TorchSharp", StringComparison.Ordinal);
        var prefix = type.IsNested ? Name(type.DeclaringType!) + "." : ours ? type.Namespace + "." : "";
        return prefix + own + (type.IsGenericType ? $"<{string.Join(",", type.GetGenericArguments().Select(Name))}>" : "");
    }
}
